/**
 * What has the focus may go: a row that is removed, a button that was for once. A browser then gives the focus to nobody;
 * whoever works by keyboard, or listens, has lost the place. Here it goes to what is next to where it was.
 */

const REACHED = 'a[href], button:enabled, input:enabled, select:enabled, textarea:enabled, summary, [tabindex="0"]';

/** @typedef {{element: HTMLElement, above: {parent: Element, at: number}[]}} Spot What had the focus, and which child of each of its ancestors that is in. */
/** The last one of the page, and the last one of an open dialog. @type {{page?: Spot, dialog?: Spot}} */
const last = {};
/** Messages come and go: one goes back to where one was before. */
let isAtMessage = false;
let isByKeys = false;
let isDue = false;

/** As long as the page is there. Nothing is done for those who point. */
export function keepFocus() {
  addEventListener('keydown', () => (isByKeys = true), true);
  addEventListener('pointerdown', () => (isByKeys = false), true);
  addEventListener('focusin', ({ target }) => {
    if (!(target instanceof HTMLElement)) return;
    isAtMessage = target.closest('.toasts') !== null;
    if (!isAtMessage) last[target.closest('dialog') ? 'dialog' : 'page'] = spotOf(target);
  });
  new MutationObserver(() => {
    if (isDue || !isByKeys || !isNowhere()) return;
    isDue = true;
    // (whoever has made the change may have put the focus somewhere by then; and what is disabled has lost it)
    requestAnimationFrame(() => setTimeout(look));
  }).observe(document.body, { childList: true, subtree: true, attributes: true, attributeFilter: ['disabled', 'hidden'] });
}

/** @param {HTMLElement} element @returns {Spot} */
function spotOf(element) {
  const above = [];
  for (let child = /** @type {Element} */ (element); child.parentElement; child = child.parentElement) above.push({ parent: child.parentElement, at: [...child.parentElement.children].indexOf(child) });
  return { element, above };
}

/** Whether nothing has the focus (or won’t have it in a moment: it is disabled). */
export const isNowhere = () => document.activeElement === document.body || Boolean(document.activeElement?.matches(':disabled'));

function look() {
  isDue = false;
  const spot = document.querySelector('dialog:modal') ? last.dialog : last.page;
  if (!spot || document.activeElement !== document.body) return;
  if (canHave(spot.element)) return isAtMessage && spot.element.focus({ preventScroll: true }); // (else it was given up on purpose)
  for (const { parent, at } of spot.above) {
    if (parent === document.body || parent.matches('main')) break;
    const next = parent.isConnected && nearest(parent, at);
    if (next) return next.focus({ preventScroll: true });
  }
  document.getElementById('page')?.focus({ preventScroll: true });
}

/** @param {Element} element */
const canHave = (element) => element.isConnected && element.matches(REACHED) && element.checkVisibility();

/** What is in sight where a child was, or after it, or before it. @param {Element} parent @param {number} at @returns {HTMLElement | undefined} */
function nearest(parent, at) {
  const children = [...parent.children];
  const after = children.slice(at).flatMap(reached);
  const before = children.slice(0, at).flatMap(reached).reverse();
  const all = [...after, ...before];
  return all.find(isInSight) ?? all[0];
}

/** @param {Element} element */
const reached = (element) => /** @type {HTMLElement[]} */ ([element, ...element.querySelectorAll(REACHED)].filter(canHave));

/** @param {Element} element */
function isInSight(element) {
  const { top, bottom } = element.getBoundingClientRect();
  return bottom > 0 && top < innerHeight;
}
