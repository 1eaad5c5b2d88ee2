import { Problem, address } from '../../core/api.js';
import { h } from '../../core/dom.js';
import { signal } from '../../core/reactive.js';
import { icon } from '../../ui/icon.js';
import { failed, toast } from '../../ui/toast.js';

/** A copy of everything, to be kept somewhere else. */
export function backup() {
  const isBusy = signal(false);
  const download = async () => {
    if (isBusy.peek()) return;
    isBusy.set(true);
    try {
      await save();
      toast('The backup is downloaded. It holds secrets: keep it safe.', { kind: 'ok' });
    } catch (error) {
      failed(error, 'There is no backup');
    }
    isBusy.set(false);
  };
  return h('section.card', { 'aria-label': 'Backup' }, h('header', null, h('h2', null, 'Backup')),
    h('div.body.stack', null, h('p', null, 'A copy of everything: events, flags, audit trail, keys and people, as of one moment, while the server goes on. Whoever has it has the secrets too: keep it safe.'),
      h('div.row.wrap', null, h('button.button', { type: 'button', 'aria-disabled': () => isBusy() && 'true', onclick: download }, icon('download'), () => (isBusy() ? 'Being made…' : 'Download a backup')),
        h('span.muted.small', null, 'or on the server, in a shell: ', h('code', null, 'tricast backup copy.db')))));
}

/** Fetched rather than linked to, so that a refusal is said here and not saved as a file. */
async function save() {
  const answer = await fetch(address('/v1/backup'), { cache: 'no-store' }).catch(() => {
    throw new Problem(0, { detail: 'the server can’t be reached' });
  });
  if (!answer.ok) throw new Problem(answer.status, await answer.json().catch(() => ({})));
  const name = /filename="?([^";]+)/.exec(answer.headers.get('content-disposition') ?? '')?.[1] ?? 'tricast.db';
  const url = URL.createObjectURL(await answer.blob());
  h('a', { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
