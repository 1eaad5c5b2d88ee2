// A program for Node, Deno or Bun: each line of its input {"id", "code"} is evaluated, and answered by a line
// {"id", "value"} or {"id", "error"}.
// When its input has ended it closes its clients, and ends by itself if nothing of theirs is left over.

import { createRequire } from 'node:module';
import path from 'node:path';
import process from 'node:process';
import { createInterface } from 'node:readline';

import { connect } from '../../static/client/index.js';
import './follow.js';

globalThis.connect = connect;
if (!globalThis.WebSocket) {
  const { WebSocket } = createRequire(path.join(process.env.TRICAST_NPM, 'package.json'))('ws');
  globalThis.lacking = { WebSocket };
}

const say = (what) => process.stdout.write(`${JSON.stringify(what)}\n`);

createInterface({ input: process.stdin })
  .on('line', async (line) => {
    const { id, code } = JSON.parse(line);
    try {
      say({ id, value: (await (0, eval)(code)) ?? null });
    } catch (error) {
      say({ id, error: String(error?.stack ?? error) });
    }
  })
  .on('close', () => globalThis.closeAll());
