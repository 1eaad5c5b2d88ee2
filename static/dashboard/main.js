import { flagsAhead, rememberIn } from './ahead.js';
import { h, replace } from './core/dom.js';
import { computed, effect, scope, untracked } from './core/reactive.js';
import { place } from './core/router.js';
import { door } from './pages/door.js';
import { shell } from './shell.js';
import { loadApps } from './store/apps.js';
import { connectAs, disconnect } from './store/live.js';
import { isIn, loadSession, me, session } from './store/session.js';
import { keepFocus } from './ui/focus.js';
import { failure } from './ui/parts.js';
import { showTheme } from './ui/theme.js';
import { failed, placed } from './ui/toast.js';

showTheme();
keepFocus();
const root = h('div', { id: 'root' });
document.body.replaceChildren(root, ...placed());

/** How long an empty frame is not shown: what belongs into it is mostly there by then. */
const PATIENCE_MS = 150;

/** Asks for what every page begins with. */
async function load() {
  const list = flagsAhead();
  await loadApps().catch((error) => failed(error, 'The apps could not be loaded'));
  await list;
}

/** Shows the door, or the page behind it. */
function begin() {
  let end = () => {};
  let turn = 0;
  const login = computed(() => (isIn() ? me().login : undefined));
  effect(() => {
    const who = login();
    if (who === undefined) place(); // (the door has several faces)
    untracked(async () => {
      const mine = ++turn;
      for (const dialog of document.querySelectorAll('dialog')) dialog.close(); // (what somebody was asked is not for the next)
      rememberIn(who !== undefined);
      end();
      end = () => {};
      if (who === undefined) disconnect();
      else {
        connectAs(who);
        await Promise.race([load(), new Promise((done) => setTimeout(done, PATIENCE_MS))]);
        if (mine !== turn) return;
      }
      const [view, over] = scope(() => (who === undefined ? door() : shell()));
      end = over;
      replace(root, view);
      /** @type {HTMLElement | null} */ (root.querySelector('[data-first]'))?.focus();
    });
  });
}

/** Who has signed in, in another tab, is in here too when they come back to it. */
function look() {
  if (!document.hidden && session() && !isIn()) loadSession().catch(() => {});
}
document.addEventListener('visibilitychange', look);
addEventListener('focus', look);

async function start() {
  try {
    await loadSession();
    begin();
  } catch (error) {
    replace(root, h('main.door', null, h('div.card', null, h('h1', null, 'tricast'), failure(error, start))));
  }
}

start();
