import { apart, cleanup, effect, signal, untracked } from './reactive.js';

/** @import {Read, Signal} from './reactive.js' */
/** @typedef {Node | string | number | null | undefined | false | (() => Child) | Child[]} Child */
/** @typedef {Record<string, any>} Props */

const SVG = 'http://www.w3.org/2000/svg';

/**
 * An element: `h('button.quiet', {onclick, disabled: () => isBusy()}, 'Save')`. A function is watched: what it has read
 * changes, the attribute or child changes. Text is always text, never markup.
 * @template {string} Tag
 * @param {Tag} name @param {Props | null} [props] @param {...Child} children
 * @returns {any}
 */
export function h(name, props, ...children) {
  const [tag, ...classes] = name.split('.');
  return built(document.createElement(tag), classes, props, children);
}

/** The same in SVG. @param {string} name @param {Props | null} [props] @param {...Child} children @returns {SVGElement} */
export function svg(name, props, ...children) {
  const [tag, ...classes] = name.split('.');
  return built(document.createElementNS(SVG, tag), classes, props, children);
}

/** @template {HTMLElement | SVGElement} E @param {E} element @param {string[]} classes @param {Props | null | undefined} props @param {Child[]} children */
function built(element, classes, props, children) {
  if (classes.length) element.classList.add(...classes);
  for (const [name, value] of Object.entries(props ?? {})) {
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else if (name === 'ref') value(element);
    else if (typeof value === 'function') effect(() => put(element, name, value()));
    else put(element, name, value);
  }
  append(element, children);
  return element;
}

/** @param {HTMLElement | SVGElement} element @param {string} name @param {any} value */
function put(element, name, value) {
  if (name === 'class') {
    for (const each of /** @type {any} */ (element).given ?? []) element.classList.remove(each);
    const given = String(value || '').split(' ').filter(Boolean);
    /** @type {any} */ (element).given = given;
    element.classList.add(...given);
  } else if (name === 'style') {
    for (const [property, to] of Object.entries(value)) element.style.setProperty(property, String(to));
  } else if (name === 'value' && element instanceof HTMLOptionElement) {
    element.setAttribute(name, value); // (without it, '' were its text)
  } else if (name === 'value' || name === 'checked' || name === 'indeterminate' || name === 'selected') {
    if (/** @type {any} */ (element)[name] !== value) /** @type {any} */ (element)[name] = value;
  } else if (value === false || value === null || value === undefined) element.removeAttribute(name);
  else element.setAttribute(name, value === true && !name.startsWith('aria-') ? '' : String(value));
}

/** @param {Element} element @param {Child} child */
export function append(element, child) {
  if (Array.isArray(child)) for (const each of child) append(element, each);
  else if (typeof child === 'function') element.append(...watched(child));
  else if (child !== null && child !== undefined && child !== false) element.append(child instanceof Node ? child : String(child));
}

/** @param {Element} element @param {...Child} children */
export function replace(element, ...children) {
  element.replaceChildren();
  append(element, children);
}

/** Nodes that become others when what `read` has read changes. @param {() => Child} read */
function watched(read) {
  const start = document.createComment('');
  const stop = document.createComment('');
  /** @type {Text | undefined} */
  let text;
  effect(() => {
    const child = read();
    if (typeof child === 'string' || typeof child === 'number') {
      if (text?.isConnected) return void (text.data = String(child));
      text = document.createTextNode(String(child));
      return between(start, stop, [text]);
    }
    text = undefined;
    const holder = document.createDocumentFragment();
    if (child instanceof Element) return between(start, stop, [child]);
    untracked(() => append(/** @type {any} */ (holder), child));
    between(start, stop, [...holder.childNodes]);
  });
  const holder = /** @type {any} */ (start).pending;
  /** @type {any} */ (start).pending = undefined; // (else they were kept as long as what comes after them)
  return [start, ...(holder ?? []), stop];
}

/** @param {Comment} start @param {Comment} stop @param {Node[]} nodes */
function between(start, stop, nodes) {
  if (!start.parentNode) return void (/** @type {any} */ (start).pending = nodes);
  if (nodes.length === 1 && start.nextSibling === nodes[0] && nodes[0].nextSibling === stop) return; // (focus and scroll stay)
  while (start.nextSibling && start.nextSibling !== stop) start.nextSibling.remove();
  start.after(...nodes);
}

/**
 * A node for each item, kept while its key is there and moved rather than made anew; `render` gets the item as a signal.
 * @template T @param {Element} parent @param {Read<T[]>} items @param {(item: T) => string} keyOf
 * @param {(item: Signal<T>, key: string) => Element} render
 */
export function each(parent, items, keyOf, render) {
  /** @type {Map<string, {node: Element, item: Signal<T>, end: () => void}>} */
  const there = new Map();
  const made = (/** @type {string} */ key, /** @type {T} */ value) => {
    const item = signal(value);
    const [node, end] = apart(() => render(item, key));
    const entry = { node, item, end };
    there.set(key, entry);
    return entry;
  };
  effect(() => {
    const list = items();
    untracked(() => {
      const wanted = new Map(list.map((value) => [keyOf(value), value]));
      for (const [key, { node, end }] of there) {
        if (wanted.has(key)) continue;
        there.delete(key);
        end();
        node.remove();
      }
      let at = parent.firstChild;
      for (const [key, value] of wanted) {
        const entry = there.get(key) ?? made(key, value);
        entry.item.set(value);
        // One that moves down is moved by itself: the others stay, with focus and scroll.
        if (at && at.nextSibling === entry.node) parent.insertBefore(at, entry.node.nextSibling);
        else if (entry.node !== at) parent.insertBefore(entry.node, at);
        at = entry.node.nextSibling;
      }
    });
  });
  cleanup(() => there.forEach(({ end }) => end()));
  return parent;
}

/** A listener that goes with this part of the page. @param {EventTarget} target @param {string} name @param {(event: any) => void} listener @param {AddEventListenerOptions} [options] */
export function listen(target, name, listener, options) {
  target.addEventListener(name, listener, options);
  cleanup(() => target.removeEventListener(name, listener, options));
}

let ids = 0;
/** An id for this page. */
export const newId = (prefix = 'x') => `${prefix}${++ids}`;
