import assert from "node:assert/strict";
import test from "node:test";
import {FEWEST_DAYS, findChanges} from "../src/history.js";

/** Normal noise of a seed: mulberry32 and Box-Muller. */
function noise(seed: number): () => number {
  let state = seed >>> 0;
  const uniform = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  return () => Math.sqrt(-2 * Math.log(uniform() + 1e-12)) * Math.cos(2 * Math.PI * uniform());
}

function days(count: number, sigma: number, steps: ReadonlyMap<number, number>, seed: number): {time: number; value: number}[] {
  const random = noise(seed);
  let level = 1000;
  return Array.from({length: count}, (_, i) => {
    level *= steps.get(i) ?? 1;
    return {time: i * 86400, value: level * Math.exp(sigma * random())};
  });
}

test("45 days: every step above the noise is marked on its day, none below", () => {
  // 1.2 % of noise: two days differ by 3.4 % by chance. Steps of 18 %, −9 %, 40 %; within the noise 0.8 % and −0.6 %.
  const steps = new Map([[12, 1.18], [20, 1.008], [27, 0.91], [36, 1.4], [40, 0.994]]);
  // Noise can look like a step: of 200 histories one may have a mark too many, and none too few.
  let extra = 0;
  for (let seed = 1; seed <= 200; seed++) {
    const found = findChanges(days(45, 0.012, steps, seed));
    const at = found.changes.map((change) => change.at);
    for (const day of [12, 27, 36]) assert.ok(at.includes(day), `seed ${seed}: ${at}`);
    extra += at.length - 3;
    assert.ok((found.noiseRatio as number) > 1.015 && (found.noiseRatio as number) < 1.07, `seed ${seed}: ${found.noiseRatio}`);
  }
  assert.ok(extra <= 1, `${extra} too many`);
});

test("noise alone is nearly never marked", () => {
  let marked = 0;
  for (let seed = 1; seed <= 400; seed++) marked += findChanges(days(45, 0.02, new Map(), seed)).changes.length;
  assert.ok(marked <= 8, `${marked} of 400 histories`);
});

test("a step of twice the noise floor is found after a few days", () => {
  let found = 0;
  for (let seed = 1; seed <= 100; seed++) {
    const changes = findChanges(days(30, 0.01, new Map([[26, 1.06]]), seed)).changes;
    if (changes.some((change) => change.at === 26)) found++;
  }
  assert.ok(found >= 97, `${found} of 100`);
});

test("levels and ratios are those of the steps", () => {
  const found = findChanges(days(40, 0.001, new Map([[20, 2]]), 5));
  assert.equal(found.changes.length, 1);
  assert.ok(Math.abs((found.changes[0]?.ratio ?? 0) - 2) < 0.01);
  assert.ok(Math.abs((found.level[0] ?? 0) - 1000) < 2 && Math.abs((found.level[39] ?? 0) - 2000) < 4);
});

test("a few days say nothing of noise", () => {
  const found = findChanges(days(FEWEST_DAYS - 1, 0.01, new Map([[3, 5]]), 1));
  assert.equal(found.noiseRatio, null);
  assert.deepEqual(found.changes, []);
  assert.deepEqual(findChanges([]).changes, []);
});

test("constant figures have no changes", () => {
  assert.deepEqual(findChanges(Array.from({length: 30}, (_, i) => ({time: i, value: 5}))).changes, []);
});
