import { computed } from '../../core/reactive.js';
import { parameter } from '../../core/router.js';
import { app, isProduction } from '../../store/apps.js';

/** @import {Flag, Flags} from '../../store/flags.js' */

export const SORTS = /** @type {[string, string][]} */ ([['', 'Key'], ['changed', 'Last change'], ['evaluated', 'Last evaluated']]);
export const SHOWN = /** @type {[string, string][]} */ ([['', 'All'], ['on', 'On'], ['off', 'Off'], ['rules', 'With rules'], ['stale', 'Stale'], ['archived', 'Archived']]);

export const query = parameter('q');
export const shown = parameter('show');
export const type = parameter('type');
export const tag = parameter('tag');
export const sort = parameter('sort');
const asked = parameter('env');

/** The environment in focus: what *serves* and `t` are about. */
export const environment = computed(() => {
  const list = app()?.environments ?? [];
  return list.includes(asked()) ? asked() : list.find(isProduction) ?? list.at(-1) ?? '';
});

/** @param {Flag} flag @param {string} words */
function has(flag, words) {
  const text = `${flag.key}\n${flag.name}\n${flag.description}\n${flag.owner ?? ''}\n${flag.tags.join('\n')}`.toLowerCase();
  return words.split(/\s+/).every((word) => text.includes(word));
}

/** Those that match the filters of the page's address, in its order. @param {Flags} flags */
export const chosenOf = (flags) => computed(() => {
  const words = query().trim().toLowerCase();
  const where = environment();
  const usage = flags.usage();
  const list = [...(flags.all()?.values() ?? [])].filter((flag) => {
    if (flag.archived !== (shown() === 'archived')) return false;
    if (type() && flag.type !== type()) return false;
    if (tag() && !flag.tags.includes(tag())) return false;
    const { state, targeting } = flag.environments[where] ?? {};
    if (shown() === 'on' && state !== 'ENABLED') return false;
    if (shown() === 'off' && state === 'ENABLED') return false;
    if (shown() === 'rules' && !targeting) return false;
    if (shown() === 'stale' && !usage[flag.key]?.stale) return false;
    return !words || has(flag, words);
  });
  if (sort() === 'changed') return list.sort((a, b) => (a.updated_at < b.updated_at ? 1 : -1));
  if (sort() === 'evaluated') return list.sort((a, b) => ((usage[a.key]?.last_evaluated_at ?? '') < (usage[b.key]?.last_evaluated_at ?? '') ? 1 : -1));
  return list.sort((a, b) => (a.key < b.key ? -1 : 1));
});
