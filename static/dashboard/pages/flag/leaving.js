import { h } from '../../core/dom.js';
import { modal } from '../../ui/dialog.js';
import { settle } from './going.js';

/** Closes the drawer; asks first if something isn't saved. @param {any} page */
export async function askLeave(page) {
  const { draft } = page;
  settle();
  if (!draft.isDirty()) return page.close();
  const answer = await modal(`${page.key} has unsaved changes`, (close) => [
    h('p', null, 'You can keep them as a draft: they are here again when you open this flag in this tab, also after a reload.'),
    h('div.actions', null,
      h('button.button', { type: 'button', onclick: () => close('discard') }, 'Discard'),
      h('button.button', { type: 'button', onclick: () => close() }, 'Go on editing'),
      h('button.button', { type: 'button', onclick: () => close('save'), disabled: Boolean(page.blocked()) }, 'Save'),
      h('button.button.primary', { type: 'button', autofocus: true, onclick: () => close('keep') }, 'Close, keep the draft'))]);
  if (answer === 'discard') draft.discard();
  if (answer === 'save' && !(await page.save())) return;
  if (answer) page.close();
}
