// What Node itself lacks: a WebSocket, taken from the packages at $TRICAST_NPM.

import { createRequire } from 'node:module';
import path from 'node:path';
import process from 'node:process';

export function webSocket() {
  const folder = process.env.TRICAST_NPM;
  if (!folder) return globalThis.WebSocket ?? null;
  return createRequire(path.join(folder, 'package.json'))('ws').WebSocket;
}
