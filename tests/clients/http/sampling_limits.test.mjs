// max_tokens and the fields of sampling at their edges, over plain HTTP.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { Server } from '../support/server.mjs';

const CONTEXT = 256;
const ANSWER = 'Victor has a white owl.';
const ASK = {
  temperature: 0,
  messages: [{ role: 'user', content: 'Victor has a white owl. What pet does Victor have?' }],
};
// The token that ends answers is never chosen, so only the limit ends them.
const ENDLESS = { logit_bias: { 1: -100 } };

let server;
let promptTokens;
before(async () => {
  server = await Server.start(['--context', String(CONTEXT)]);
  promptTokens = (await ask({})).body.usage.prompt_tokens;
});
after(() => server?.stop());

async function ask(fields) {
  // JSON.stringify would drop the digits of numbers beyond 2^53: `raw` goes in as it is written.
  const { raw = '', ...others } = fields;
  const text = JSON.stringify({ ...ASK, ...others }).replace(/}$/, raw === '' ? '}' : `,${raw}}`);
  const response = await fetch(`${server.url}/v1/chat/completions`, { method: 'POST', body: text });
  return { status: response.status, body: await response.json() };
}

const rest = () => CONTEXT - promptTokens;

// What comes of each: how many tokens the answer has and why it ended, or which field is refused.
const cases = [
  ['max_tokens 1', { max_tokens: 1 }, { tokens: 1, reason: 'length' }],
  ['max_tokens null', { max_tokens: null }, { answer: ANSWER, reason: 'stop' }],
  ['max_tokens absent, without an end', { ...ENDLESS }, { tokens: rest, reason: 'length' }],
  ['max_tokens as many as are left', () => ({ ...ENDLESS, max_tokens: rest() }),
    { tokens: rest, reason: 'length' }],
  ['max_tokens one fewer', () => ({ ...ENDLESS, max_tokens: rest() - 1 }),
    { tokens: () => rest() - 1, reason: 'length' }],
  ['max_tokens one more', () => ({ ...ENDLESS, max_tokens: rest() + 1 }),
    { tokens: rest, reason: 'length' }],
  ['max_tokens the whole context', { ...ENDLESS, max_tokens: CONTEXT },
    { tokens: rest, reason: 'length' }],
  ['max_tokens 2^31', { ...ENDLESS, max_tokens: 2 ** 31 }, { tokens: rest, reason: 'length' }],
  ['max_tokens 2^64 - 1', { ...ENDLESS, raw: '"max_tokens":18446744073709551615' },
    { tokens: rest, reason: 'length' }],
  ['max_tokens 2^64', { raw: '"max_tokens":18446744073709551616' }, { param: 'max_tokens' }],
  ['max_tokens 0', { max_tokens: 0 }, { param: 'max_tokens' }],
  ['max_tokens -1', { max_tokens: -1 }, { param: 'max_tokens' }],
  ['max_tokens -2^63', { raw: '"max_tokens":-9223372036854775808' }, { param: 'max_tokens' }],
  ['max_tokens 1.5', { max_tokens: 1.5 }, { param: 'max_tokens' }],
  ['max_tokens "9"', { max_tokens: '9' }, { param: 'max_tokens' }],
  ['max_tokens true', { max_tokens: true }, { param: 'max_tokens' }],
  ['max_completion_tokens before max_tokens', { max_tokens: 5, max_completion_tokens: 2 },
    { tokens: 2, reason: 'length' }],
  ['max_completion_tokens null', { max_tokens: 2, max_completion_tokens: null },
    { tokens: 2, reason: 'length' }],

  ['temperature 0', { temperature: 0 }, { answer: ANSWER }],
  ['temperature -0.0', { raw: '"temperature":-0.0' }, { answer: ANSWER }],
  ['temperature 1e-30', { temperature: 1e-30 }, { answer: ANSWER }],
  ['temperature 1e-400', { raw: '"temperature":1e-400' }, { answer: ANSWER }],
  ['temperature null', { temperature: null, seed: 1 }, {}],
  ['temperature 2', { temperature: 2, seed: 1 }, {}],
  ['temperature 100', { temperature: 100, seed: 1 }, {}],
  ['temperature above', { temperature: 100.001 }, { param: 'temperature' }],
  ['temperature below', { temperature: -0.001 }, { param: 'temperature' }],
  ['temperature 1e300', { temperature: 1e300 }, { param: 'temperature' }],
  ['temperature "0"', { temperature: '0' }, { param: 'temperature' }],

  // The likeliest token is always allowed.
  ['top_p 0', { temperature: 2, top_p: 0 }, { answer: ANSWER }],
  ['top_p 1', { top_p: 1 }, { answer: ANSWER }],
  ['top_p above', { top_p: 1.001 }, { param: 'top_p' }],
  ['top_p below', { top_p: -0.001 }, { param: 'top_p' }],
  ['top_k 1', { temperature: 2, top_k: 1 }, { answer: ANSWER }],
  ['top_k 0 is no limit', { top_k: 0 }, { answer: ANSWER }],
  ['top_k -1 is no limit', { top_k: -1 }, { answer: ANSWER }],
  ['top_k -2', { top_k: -2 }, { param: 'top_k' }],
  ['top_k 2^40', { top_k: 2 ** 40 }, { answer: ANSWER }],
  ['min_p 1', { temperature: 2, min_p: 1 }, { answer: ANSWER }],
  ['min_p above', { min_p: 1.5 }, { param: 'min_p' }],

  ['seed 0', { temperature: 2, seed: 0 }, { repeats: true }],
  ['seed -1', { temperature: 2, seed: -1 }, { repeats: true }],
  ['seed 2^64 - 1', { temperature: 2, raw: '"seed":18446744073709551615' }, { repeats: true }],
  ['seed -2^63', { temperature: 2, raw: '"seed":-9223372036854775808' }, { repeats: true }],
  ['seed 2^64', { raw: '"seed":18446744073709551616' }, { param: 'seed' }],
  ['seed 1.5', { seed: 1.5 }, { param: 'seed' }],
  ['seed null', { seed: null }, { answer: ANSWER }],

  ['n 1', { n: 1 }, { answer: ANSWER }],
  ['n null', { n: null }, { answer: ANSWER }],
  ['n 2', { n: 2 }, { param: 'n' }],
  ['n 0', { n: 0 }, { param: 'n' }],

  ['logprobs without top_logprobs', { logprobs: true }, { tops: 0 }],
  ['top_logprobs 0', { logprobs: true, top_logprobs: 0 }, { tops: 0 }],
  ['top_logprobs 20', { logprobs: true, top_logprobs: 20 }, { tops: 20 }],
  ['top_logprobs 21', { logprobs: true, top_logprobs: 21 }, { param: 'top_logprobs' }],
  ['top_logprobs -1', { logprobs: true, top_logprobs: -1 }, { param: 'top_logprobs' }],
  ['top_logprobs alone', { top_logprobs: 1 }, { param: 'top_logprobs' }],
  ['logprobs null', { logprobs: null, top_logprobs: null }, { answer: ANSWER }],
  ['logprobs a number', { logprobs: 5 }, { param: 'logprobs' }],

  ['penalties at their ends', { presence_penalty: 2, frequency_penalty: -2 }, {}],
  ['and at the others', { presence_penalty: -2, frequency_penalty: 2 }, {}],
  ['presence_penalty above', { presence_penalty: 2.001 }, { param: 'presence_penalty' }],
  ['frequency_penalty below', { frequency_penalty: -2.001 }, { param: 'frequency_penalty' }],
  ['penalties of 0', { presence_penalty: 0, frequency_penalty: 0, repetition_penalty: 1 },
    { answer: ANSWER }],
  ['repetition_penalty 10', { repetition_penalty: 10 }, {}],
  ['repetition_penalty 0', { repetition_penalty: 0 }, { param: 'repetition_penalty' }],
  ['repetition_penalty above', { repetition_penalty: 10.5 }, { param: 'repetition_penalty' }],

  ['logit_bias of no token', { logit_bias: {} }, { answer: ANSWER }],
  ['logit_bias beyond the vocabulary', { logit_bias: { 2147483647: 1 } }, { param: 'logit_bias["2147483647"]' }],
  ['logit_bias above', { logit_bias: { 5: 100.5 } }, { param: 'logit_bias["5"]' }],
  ['sixteen stop strings', { stop: Array(16).fill('never said') }, { answer: ANSWER }],
  ['seventeen stop strings', { stop: Array(17).fill('never said') }, { param: 'stop' }],
  ['an empty stop string', { stop: '' }, { param: 'stop' }],
  ['no stop strings', { stop: [] }, { answer: ANSWER }],
];

const valueOf = (value) => (typeof value === 'function' ? value() : value);

for (const [name, given, expected] of cases) {
  test(name, async () => {
    const fields = valueOf(given);
    const { status, body } = await ask(fields);
    const told = JSON.stringify(body);
    if (expected.param !== undefined) {
      assert.equal(status, 400, told);
      assert.equal(body.error.param, expected.param, told);
      assert.ok(body.error.message.includes(expected.param), told);
      return;
    }
    assert.equal(status, 200, told);
    const [{ message, finish_reason: reason, logprobs }] = body.choices;
    assert.equal(body.choices.length, 1);
    assert.ok(body.usage.total_tokens <= CONTEXT, told);
    if (expected.answer !== undefined) assert.equal(message.content, expected.answer);
    if (expected.reason !== undefined) assert.equal(reason, expected.reason, told);
    if (expected.tokens !== undefined) {
      assert.equal(body.usage.completion_tokens, valueOf(expected.tokens), told);
    }
    if (expected.tops !== undefined) {
      assert.ok(logprobs.content.length > 0);
      for (const entry of logprobs.content) {
        assert.equal(entry.top_logprobs.length, expected.tops);
        for (const { logprob } of [entry, ...entry.top_logprobs]) assert.ok(logprob <= 0, told);
      }
    }
    if (expected.repeats) {
      const again = (await ask(fields)).body;
      assert.equal(again.choices[0].message.content, message.content);
    }
  });
}

test('none of them stays behind', async () => {
  assert.equal(await server.requestsUnderWay(), 0);
  assert.equal(await server.metric('hadal_requests_ended_total', '{how="failed"}'), 0);
});
