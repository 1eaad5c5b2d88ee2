// Put into a page of the dashboard before anything else of it runs. All times are ms since 1970, by the machine's clock.
(() => {
  const now = () => performance.timeOrigin + performance.now();
  // What was changed before a frame is on the screen by the next.
  const painted = (then) => requestAnimationFrame(() => requestAnimationFrame(() => then(now())));

  /** When the list of flags was on the screen, and how long after its first key the search showed what it found. */
  const usable = new Promise((resolve) => {
    const look = new MutationObserver(() => {
      const search = document.querySelector('.flag-search');
      if (!search || !document.querySelector('.virtual .flag-row .switch')) return;
      look.disconnect();
      painted((at) => {
        const rows = document.querySelectorAll('.virtual .flag-row').length;
        search.focus();
        search.value = '77';
        search.dispatchEvent(new Event('input', { bubbles: true }));
        const began = now();
        setTimeout(() => painted((then) => {
          const left = document.querySelectorAll('.virtual .flag-row').length;
          resolve({ ms: at - performance.timeOrigin, searchMs: then - began, accepted: left < rows && location.hash.includes('q=77') });
        }));
      });
    });
    look.observe(document, { childList: true, subtree: true });
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
  }).observe(document.querySelector('.virtual'), { subtree: true, attributes: true, attributeFilter: ['aria-checked'] });

  /** The change of the switch number `count`, once it is painted. */
  const change = (count) => new Promise((resolve) => {
    waiting = () => switched.length >= count && resolve(switched[count - 1]);
    waiting();
  });

  /** The ms of each frame while the list is scrolled (`speed` px a frame), or nothing is done (0). */
  const frames = (ms, speed) => new Promise((resolve) => {
    const list = document.querySelector('.virtual');
    const found = [];
    const ends = performance.now() + ms;
    let last;
    let down = 1;
    const frame = (at) => {
      if (last !== undefined) found.push(at - last);
      last = at;
      if (speed) {
        if (list.scrollTop + list.clientHeight >= list.scrollHeight - 1) down = -1;
        else if (list.scrollTop <= 0) down = 1;
        list.scrollTop += speed * down;
      }
      if (at < ends) requestAnimationFrame(frame);
      else resolve(found);
    };
    requestAnimationFrame(frame);
  });

  window.bench = { usable, shown, watch, change, frames };
})();
