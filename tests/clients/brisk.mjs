// Less patience for the JavaScript client, which takes its timers and its luck from where it runs:
// a better transport is tried every 0.7 s instead of every five minutes, and delays are a fiftieth.

const { setTimeout } = globalThis;
const { random } = Math;

globalThis.setTimeout = (call, ms, ...rest) => setTimeout(call, ms === 300_000 || ms === 5000 ? 700 : ms, ...rest);
Math.random = () => random() / 50;
