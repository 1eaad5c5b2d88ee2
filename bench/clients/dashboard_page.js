// Put into a page of the dashboard before anything else of it runs. All times are ms since 1970, by the machine's clock.
(() => {
  const now = () => performance.timeOrigin + performance.now();
  // What was changed before a frame is on the screen by the next.
  const painted = (then) => requestAnimationFrame(() => requestAnimationFrame(() => then(now())));

  /** When the list of flags and its search were on the screen. */
  const usable = new Promise((resolve) => {
    const look = new MutationObserver(() => {
      if (!document.querySelector('.flag-search') || !document.querySelector('.virtual .flag-row .switch')) return;
      look.disconnect();
      painted((at) => resolve({ ms: at - performance.timeOrigin }));
    });
    look.observe(document, { childList: true, subtree: true });
  });

  /** Types into the search: when what it found was on the screen, and whether it was found. */
  const find = (text, wanted) => new Promise((resolve) => {
    const search = document.querySelector('.flag-search');
    const began = now();
    search.focus();
    search.value = text;
    search.dispatchEvent(new Event('input', { bubbles: true }));
    setTimeout(() => painted((at) => resolve({ ms: at - began, accepted: document.querySelectorAll('.virtual .flag-row').length === wanted })));
  });

  /** When a page that is nothing but itself is on the screen. */
  const shown = new Promise((resolve) => painted((at) => resolve({ ms: at - performance.timeOrigin })));

  const switched = [];
  let waiting = () => {};
  const watch = (label) => new MutationObserver((records) => {
    const at = now();
    for (const { target } of records) {
      if (target.getAttribute('aria-label') !== label) continue;
      const isOn = target.getAttribute('aria-checked') === 'true';
      painted((paintedAt) => {
        switched.push({ isOn, changedAt: at, paintedAt });
        waiting();
      });
    }
  }).observe(document, { subtree: true, attributes: true, attributeFilter: ['aria-checked'] });

  /** The change of the switch number `count`, once it is painted. */
  const change = (count) => new Promise((resolve, reject) => {
    setTimeout(() => reject(new Error(`change ${count} was not seen: ${JSON.stringify(switched.slice(-3))}`)), 10_000);
    waiting = () => switched.length >= count && resolve(switched[count - 1]);
    waiting();
  });

  /** The ms of each frame while the list is scrolled (`speed` px a frame), or nothing is done (0). */
  const frames = (ms, speed) => new Promise((resolve) => {
    const list = document.querySelector('.virtual');
    const found = [];
    const lowest = list.scrollHeight - list.clientHeight;
    let place = list.scrollTop;
    const ends = performance.now() + ms;
    let last;
    let down = 1;
    const frame = (at) => {
      if (last !== undefined) found.push(at - last);
      last = at;
      if (speed) {
        if (place >= lowest) down = -1;
        else if (place <= 0) down = 1;
        place = Math.max(0, Math.min(lowest, place + speed * down));
        list.scrollTop = place; // (what is read here would be laid out for nothing else)
      }
      if (at < ends) requestAnimationFrame(frame);
      else resolve(found);
    };
    requestAnimationFrame(frame);
  });

  window.bench = { usable, find, shown, watch, change, frames };
})();
