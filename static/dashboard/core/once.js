/** What is costly to make, as a formatter of Intl is: made when it is first needed. @template T @param {() => T} make */
export function once(make) {
  /** @type {T | undefined} */
  let made;
  return () => (made ??= make());
}
