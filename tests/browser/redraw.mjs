// How long the frontier takes to be drawn again: 200 configurations of 50 points, the axis switched
// between linear and logarithmic. Prints the milliseconds; asserts nothing, for machines differ.
import { closeBrowser, makeStore, openPage, serve } from './dashboard.mjs';

const TIMES = 21;
const board = await serve(makeStore('wide', '1'));
const page = await openPage(`${board.url}#/frontier?v=1&others=0`);
const own = [];
const frames = [];
for (let i = 0; i < TIMES; i++) {
  const [script, frame] = await page.evaluate((log) => new Promise((done) => {
    addEventListener('hashchange', () => {
      // The page's own listener came first and has built the view; charts are drawn in the frame.
      const built = performance.now() - begin;
      requestAnimationFrame(() => setTimeout(() => done([built, performance.now() - begin])));
    }, { once: true });
    const begin = performance.now();
    location.hash = `#/frontier?v=1&others=0${log ? '&ly=1' : ''}`;
  }), i % 2 === 0);
  own.push(script);
  frames.push(frame);
}
const text = (values) => {
  const sorted = [...values].sort((a, b) => a - b).map(Math.round);
  return `median ${sorted[sorted.length >> 1]} ms, ${sorted[0]} to ${sorted.at(-1)} ms`;
};
console.log(`${await page.locator('#frontier').getAttribute('aria-label').then((label) => /\d+ series, \d+ points/.exec(label)[0])}, drawn ${TIMES} times`);
console.log(`the page's own work: ${text(own)}`);
console.log(`until the frame is drawn: ${text(frames)}`);
await page.end();
await closeBrowser();
await board.close();
