// Less patience for the JavaScript client, which takes its timers and its luck from where it runs:
// a better transport is tried every 0.7 s instead of every five minutes, a token of many seconds is renewed
// after a fifth of its life instead of four, and delays are a fiftieth.

const { setTimeout } = globalThis;
const { random } = Math;

const brisk = (ms) => {
  if (ms === 300_000 || ms === 5000) return 700;
  return ms > 4000 && ms < 60_000 && ms % 800 === 0 ? ms / 4 : ms;
};

globalThis.setTimeout = (call, ms, ...rest) => setTimeout(call, brisk(ms), ...rest);
Math.random = () => random() / 50;
