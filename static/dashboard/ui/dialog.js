import { h, newId } from '../core/dom.js';
import { scope } from '../core/reactive.js';
import { field } from './field.js';

/**
 * A modal dialog; done with what it was closed with (undefined: it was dismissed). Focus goes back to where it was.
 * @template T
 * @param {string} title @param {(close: (value?: T) => void) => any[]} content @param {{wide?: boolean}} [options]
 * @returns {Promise<T | undefined>}
 */
export function modal(title, content, { wide = false } = {}) {
  return new Promise((resolve) => {
    const id = newId('title');
    /** @type {T | undefined} */
    let value;
    const close = (/** @type {T | undefined} */ given) => {
      value = given;
      dialog.close();
    };
    const [dialog, end] = scope(() => h('dialog.modal', { class: wide ? 'wide' : '', 'aria-labelledby': id, onclose: () => {
      removeEventListener('popstate', away);
      dialog.remove();
      end();
      resolve(value);
    }, onclick: (/** @type {Event} */ event) => event.target === dialog && dialog.close() },
      h('div.content', null, h('h2', { id }, title), ...content(close))));
    // What is asked about is not what one sees after going back, or somewhere else.
    const away = () => dialog.close();
    addEventListener('popstate', away);
    document.body.append(dialog);
    dialog.showModal();
  });
}

/**
 * Asks before something is done, and for the reason where one is wanted.
 * @param {string} title
 * @param {{text?: any, confirm: string, danger?: boolean, reason?: 'asked' | 'needed'}} options
 * @returns {Promise<{reason: string} | undefined>}
 */
export function confirm(title, { text, confirm, danger = false, reason }) {
  return modal(title, (close) => {
    const why = h('input.input', { type: 'text', maxlength: 500, autofocus: true, required: reason === 'needed', placeholder: 'Such as a ticket, or what it is for' });
    return [
      h('form.stack', { onsubmit: (/** @type {Event} */ event) => {
        event.preventDefault();
        why.value = why.value.trim(); // (blanks are no reason)
        if (why.reportValidity()) close({ reason: why.value });
      } },
        text && h('div', null, text),
        reason && field(reason === 'needed' ? 'Reason' : 'Reason (optional)', why),
        h('div.actions', null,
          h('button.button', { type: 'button', onclick: () => close() }, 'Cancel'),
          h('button.button', { class: danger ? 'danger' : 'primary', type: 'submit', autofocus: !reason }, confirm))),
    ];
  });
}
