/** How long a page takes to be on the screen. */
const SHOWN_MS = 50;

/** Runs when the page is on the screen: what it can be seen without is asked for then. @param {() => void} run */
export const onceShown = (run) => void setTimeout(run, SHOWN_MS);
