import { ask } from '../../core/api.js';
import { h } from '../../core/dom.js';
import { signal } from '../../core/reactive.js';
import { field } from '../../ui/field.js';
import { copy } from '../../ui/parts.js';
import { toast } from '../../ui/toast.js';
import { icon } from '../../ui/icon.js';
import { lacks } from '../../store/session.js';
import { publishLine } from './shell.js';

/** A test event, by hand. @param {{topic: string}} given */
export function publisher({ topic }) {
  const problem = signal(/** @type {any} */ (undefined));
  const where = h('input.input.mono', { value: topic.includes('*') ? topic.replace(/\*+/g, 'test') : topic || 'demo/greetings', spellcheck: false, required: true });
  const type = h('input.input.mono', { placeholder: 'message', spellcheck: false });
  const data = h('textarea.input.mono', { rows: 4, spellcheck: false }, '{"hello": "world"}');
  const wrong = (/** @type {string} */ name) => () => (problem()?.field?.split('.').at(-1) === name ? problem().message : undefined);
  const body = () => ({ topic: where.value.trim(), ...(type.value.trim() && { type: type.value.trim() }), data: JSON.parse(data.value || 'null') });
  const submit = async (/** @type {Event} */ event) => {
    event.preventDefault();
    problem.set(undefined);
    try {
      const { cursor } = await ask('POST', '/v1/events', { body: body() });
      toast(`Published: ${cursor}`, { kind: 'ok' });
    } catch (error) {
      problem.set(error instanceof SyntaxError ? { field: 'data', message: `This is not JSON: ${error.message}` } : error);
    }
  };
  const line = () => {
    let text = data.value;
    try {
      text = JSON.stringify(body());
    } catch {} // (as it is, then: the server will say)
    return publishLine(text);
  };
  return h('form.card', { 'aria-label': 'Publish a test event', onsubmit: submit, novalidate: true },
    h('header', null, h('h2', null, 'Publish a test event')),
    h('div.body.stack', null,
      field('Topic', where, { wrong: wrong('topic') }), field('Type', type, { wrong: wrong('type') }), field('Data (JSON)', data, { wrong: wrong('data') }),
      () => problem() && !['topic', 'type', 'data'].includes(problem().field?.split('.').at(-1)) && h('div.notice.bad', { role: 'alert' }, h('div', null, problem().message)),
      h('div.row', null, h('button.button.primary', { type: 'submit', disabled: () => Boolean(lacks('flags:write')), title: () => lacks('flags:write') }, 'Publish'), h('button.button', { type: 'button', onclick: () => copy(line()) }, icon('copy'), 'As curl'))));
}
