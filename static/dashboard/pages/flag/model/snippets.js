import { isObject } from './json.js';

/**
 * Lines to be copied into one's code, right for this server, app, environment and flag.
 * @typedef {object} Place
 * @property {string} url of the server, without a slash at its end
 * @property {string} app
 * @property {string} environment
 * @property {string} key
 * @property {'boolean' | 'string' | 'number' | 'object'} type
 * @property {any} fallback
 * @property {Record<string, any>} context
 * @property {boolean} isOpen nobody needs a key
 */

/** In a shell: nothing in single quotes means anything. @param {string} text */
const shell = (text) => `'${text.replaceAll("'", "'\\''")}'`;
/** @param {any} value */
const js = (value) => (typeof value === 'string' ? quoted(value) : JSON.stringify(value));
/** @param {string} text */
const quoted = (text) => (/['\\]|[^\x20-\x7e]/.test(text) ? JSON.stringify(text) : `'${text}'`);
/** @param {Record<string, any>} context */
const object = (context) => `{ ${Object.entries(context).map(([name, value]) => `${/^[A-Za-z_$][\w$]*$/.test(name) ? name : JSON.stringify(name)}: ${js(value)}`).join(', ')} }`;

/** @param {any} value @returns {string} */
export function python(value) {
  if (value === null || value === undefined) return 'None';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (Array.isArray(value)) return `[${value.map(python).join(', ')}]`;
  if (isObject(value)) return `{${Object.entries(value).map(([name, each]) => `${JSON.stringify(name)}: ${python(each)}`).join(', ')}}`;
  return JSON.stringify(value);
}

/** @param {string} text */
const part = (text) => text.split('/').map(encodeURIComponent).join('/');

/** @param {Place} place */
export function curl({ url, app, environment, key, context, isOpen }) {
  const lines = [
    ...(isOpen ? ['curl'] : ['curl -H "Authorization: Bearer $TRICAST_KEY"']),
    `-H 'Content-Type: application/json'`,
    `-d ${shell(JSON.stringify({ context }))}`,
    shell(`${url}/v1/apps/${part(app)}/${part(environment)}/ofrep/v1/evaluate/flags/${part(key)}`),
  ];
  return `${lines[0]} ${lines[1]} \\\n  ${lines[2]} \\\n  ${lines[3]}`;
}

/** @param {Place} place */
export const javascript = ({ url, app, environment, key, fallback, context, isOpen }) => `import { connect } from 'tricast'; // in a page: from ${js(`${url}/client/index.js`)}

const tricast = connect({ url: ${js(url)}${isOpen ? '' : ", token: process.env.TRICAST_KEY, transports: ['sse', 'poll']"} });
const flags = tricast.flags(${js(app)}, ${js(environment)}, ${object(context)});
await flags.ready;
console.log(flags.get(${js(key)}, ${js(fallback)}));
flags.on('change', ({ key, old, new: value }) => console.log(key, old, value));`;

/** @param {Place} place */
export const pythonClient = ({ url, app, environment, key, fallback, context, isOpen }) => `import asyncio
${isOpen ? '' : 'import os\n'}
from tricast.client import Client


async def main():
    async with Client(${python(url)}${isOpen ? '' : ', token=os.environ["TRICAST_KEY"]'}) as client:
        flags = client.flags(${python(app)}, ${python(environment)})
        await flags.ready()
        print(flags.get(${python(key)}, ${python(fallback)}, ${python(context)}))


asyncio.run(main())`;

const JS_GETTER = { boolean: 'getBooleanValue', string: 'getStringValue', number: 'getNumberValue', object: 'getObjectValue' };

/** @param {Place} place */
export const openFeatureJs = ({ url, app, environment, key, type, fallback, context, isOpen }) => `import { OpenFeature } from '@openfeature/server-sdk';
import { OFREPProvider } from '@openfeature/ofrep-provider';

await OpenFeature.setProviderAndWait(new OFREPProvider({
  baseUrl: ${js(`${url}/v1/apps/${part(app)}/${part(environment)}`)},${isOpen ? '' : `
  headers: [['Authorization', \`Bearer \${process.env.TRICAST_KEY}\`]],`}
}));
const flags = OpenFeature.getClient();
console.log(await flags.${JS_GETTER[type]}(${js(key)}, ${js(fallback)}, ${object(context)}));`;

/** @param {Place} place */
export function openFeaturePython({ url, app, environment, key, type, fallback, context, isOpen }) {
  const getter = type === 'number' ? (Number.isInteger(fallback) ? 'get_integer_value' : 'get_float_value') : `get_${type}_value`;
  const { targetingKey, ...attributes } = context;
  return `${isOpen ? '' : 'import os\n\n'}from openfeature import api
from openfeature.contrib.provider.ofrep import OFREPProvider
from openfeature.evaluation_context import EvaluationContext
${isOpen ? '' : '\nkey = os.environ["TRICAST_KEY"]'}
api.set_provider(
    OFREPProvider(
        ${python(`${url}/v1/apps/${part(app)}/${part(environment)}`)},${isOpen ? '' : `
        headers_factory=lambda: {"Authorization": f"Bearer {key}"},`}
    )
)
flags = api.get_client()
context = EvaluationContext(${python(targetingKey ?? null)}, ${python(attributes)})
print(flags.${getter}(${python(key)}, ${python(fallback)}, context))`;
}

/** What the code falls back to: a cautious value of the flag's type. @param {'boolean' | 'string' | 'number' | 'object'} type @param {Record<string, any>} variants @param {string | null} [variant] the default one */
export function fallbackOf(type, variants, variant) {
  const found = variant === null || variant === undefined ? Object.values(variants)[0] : variants[variant];
  if (type === 'boolean') return false;
  // (a flag with fractions is one of fractions, in Python too)
  if (type === 'number') return Object.values(variants).every(Number.isInteger) ? found ?? 0 : Object.values(variants).find((each) => !Number.isInteger(each));
  return JSON.stringify(found ?? '').length <= 60 ? found : type === 'string' ? '' : {};
}
