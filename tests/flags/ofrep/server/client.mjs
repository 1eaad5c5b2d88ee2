// The server-side provider, told what to do by JSON lines on stdin. See ../web/client.mjs.
//
//     node client.mjs <folder with node_modules>
//
//     {"do": "init", "baseUrl", "headers"?}
//     {"do": "evaluate", "type": "boolean", "key", "default", "context"?}

import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import path from 'node:path';
import process from 'node:process';

const require = createRequire(path.join(process.argv[2], 'package.json'));
const { OpenFeature } = require('@openfeature/server-sdk');
const { OFREPProvider } = require('@openfeature/ofrep-provider');

const client = OpenFeature.getClient();
const say = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);

const commands = {
  async init({ baseUrl, headers = {} }) {
    await OpenFeature.setProviderAndWait(new OFREPProvider({ baseUrl, headers: Object.entries(headers) }));
    return client.providerStatus;
  },
  evaluate({ type, key, default: fallback, context = {} }) {
    return client[`get${type[0].toUpperCase()}${type.slice(1)}Details`](key, fallback, context);
  },
};

async function obey(line) {
  const { id, do: name, ...how } = JSON.parse(line);
  try {
    say({ id, result: (await commands[name](how)) ?? null });
  } catch (error) {
    say({ id, error: { name: error?.name ?? 'Error', message: String(error?.message ?? error) } });
  }
}

createInterface({ input: process.stdin }).on('line', obey).on('close', () => process.exit(0));
