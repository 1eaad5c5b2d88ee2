import { Problem } from '../../core/api.js';
import { signal, untracked } from '../../core/reactive.js';
import { app, isProduction } from '../../store/apps.js';
import { changesOf } from '../../store/flags.js';
import { confirm } from '../../ui/dialog.js';
import { announce, failed, toast } from '../../ui/toast.js';

/** @import {Flag, Flags} from '../../store/flags.js' */

/** Switches that were pressed and not answered yet: `app key environment` → on. */
const pending = signal(/** @type {Map<string, boolean>} */ (new Map()));

/** @param {string} at @param {boolean | undefined} on */
function expect(at, on) {
  const next = new Map(pending.peek());
  on === undefined ? next.delete(at) : next.set(at, on);
  pending.set(next);
}

/** @param {Flag} flag @param {string} environment */
export const isOn = (flag, environment) => pending().get(switchOf(flag, environment)) ?? flag.environments[environment]?.state === 'ENABLED';
/** @param {Flag} flag @param {string} environment */
export const isPending = (flag, environment) => pending().has(switchOf(flag, environment));
/** @param {Flag} flag @param {string} environment */
const switchOf = (flag, environment) => `${app()?.app} ${flag.key} ${environment}`;

/**
 * Turns a flag on or off: shown at once, taken back with the reason if the server refuses. Production asks first.
 * @param {Flags} flags @param {Flag} flag @param {string} environment @param {boolean} on
 */
export async function switchTo(flags, flag, environment, on) {
  const at = untracked(() => switchOf(flag, environment));
  if (pending.peek().has(at) || !Object.hasOwn(flag.environments, environment)) return;
  const { app: name } = /** @type {any} */ (app());
  let reason;
  if (isProduction(environment)) {
    const answer = await confirm(`Turn ${flag.key} ${on ? 'on' : 'off'} in ${environment}?`, {
      text: on ? 'Everybody in this environment gets it within moments.' : 'Everybody in this environment gets the code’s own default within moments.',
      confirm: on ? 'Turn on' : 'Turn off', danger: !on, reason: 'needed',
    });
    if (!answer) return;
    reason = answer.reason;
  }
  if (app()?.app !== name) return toast(`${flag.key} was not turned ${on ? 'on' : 'off'}: you are at another app now.`, { kind: 'bad' });
  const changes = changesOf(name);
  expect(at, on);
  announce(`${flag.key} ${on ? 'on' : 'off'} in ${environment}`);
  try {
    const now = flags.all.peek()?.get(flag.key) ?? flag;
    flags.put(await changes.toggle(flag.key, now.version, environment, on, reason), flag.key, name);
  } catch (error) {
    const since = error instanceof Problem && error.status === 409 ? error.body.since?.at(-1) : undefined;
    if (since) toast(`${flag.key} was not turned ${on ? 'on' : 'off'}: ${since.actor} has changed it meanwhile${since.reason ? ` (“${since.reason}”)` : ''}.`, { kind: 'bad' });
    else failed(error, `${flag.key} was not turned ${on ? 'on' : 'off'}`);
  } finally {
    expect(at, undefined);
  }
}
