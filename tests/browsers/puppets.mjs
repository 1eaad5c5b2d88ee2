// Chromium or Firefox over WebDriver BiDi, driven by JSON lines.
//
//     node puppets.mjs '{"browser": "firefox", "executablePath": "/usr/bin/firefox-esr"}'
//
// The options are those of puppeteer's `launch`. It first says {"version", "pid"}. A command {"id", "do", …} is
// answered by {"id", "value"} or {"id", "error"}. What a page writes as an error, or doesn't catch, is told as
// {"page", "failure"}. The end of its input closes the browser.

import { createRequire } from 'node:module';
import path from 'node:path';
import process from 'node:process';
import { createInterface } from 'node:readline';

const puppeteer = createRequire(path.join(process.env.TRICAST_NPM, 'package.json'))('puppeteer-core');
const say = (what) => process.stdout.write(`${JSON.stringify(what)}\n`);

const browser = await puppeteer.launch({ ...JSON.parse(process.argv[2]), protocol: 'webDriverBiDi' });
let context;
let pages = new Map();
let made = 0;

const commands = {
  /** Storage, locks and channels of their own, until `clear`. */
  async page({ url, width = 1280, height = 800 }) {
    context ??= browser.createBrowserContext();
    const page = await (await context).newPage();
    const number = ++made;
    pages.set(number, page);
    page.on('console', (message) => message.type() === 'error' && say({ page: number, failure: message.text() }));
    page.on('pageerror', (error) => say({ page: number, failure: String(error?.message ?? error) }));
    await page.setViewport({ width, height });
    await page.goto(url);
    return number;
  },
  async clear() {
    const old = await context;
    context = undefined;
    pages = new Map();
    await old?.close();
  },
  evaluate: ({ page, code }) => page.evaluate(code),
  goto: ({ page, url }) => page.goto(url),
  reload: ({ page }) => page.reload(),
  click: ({ page, selector }) => page.click(selector),
  type: ({ page, selector, text }) => page.type(selector, text),
  press: ({ page, key }) => page.keyboard.press(key),
  screenshot: ({ page, path }) => page.screenshot({ path }),
  offline: ({ page, offline }) => page.setOfflineMode(offline),
  close: ({ page }) => page.close(),
};

async function obey(line) {
  const { id, do: name, page, ...how } = JSON.parse(line);
  try {
    const value = await commands[name]({ ...how, ...(page && { page: pages.get(page) }) });
    const isPlain = name === 'page' || name === 'evaluate';
    say({ id, value: (isPlain && value) ?? null });
  } catch (error) {
    say({ id, error: String(error?.stack ?? error) });
  }
}

say({ version: (await browser.version()).match(/[\d.]+/)[0], pid: browser.process().pid });
createInterface({ input: process.stdin })
  .on('line', obey)
  .on('close', () => browser.close());
