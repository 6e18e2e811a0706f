// OpenAI's text completions, and the fields of vLLM's that programs which measure a server send
// through the same library.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { Server } from '../support/server.mjs';
import { collect, connect, MODEL, SERVE } from './client.mjs';

const PROMPT =
  '<｜User｜>Victor has a white owl. What pet does Victor have?<｜Assistant｜></think>';
const ANSWER = 'Victor has a white owl.';

let server;
let client;
before(async () => {
  server = await Server.start(SERVE);
  client = connect(server);
});
after(() => server?.stop());

const create = (fields) =>
  client.completions.create({
    model: MODEL,
    prompt: PROMPT,
    temperature: 0,
    max_tokens: 50,
    ...fields,
  });

async function post(path, body) {
  const response = await fetch(server.url + path, { method: 'POST', body: JSON.stringify(body) });
  assert.equal(response.status, 200);
  return response.json();
}

test('a whole answer', async () => {
  const completion = await create({});
  assert.match(completion.id, /^cmpl-/);
  assert.equal(completion.object, 'text_completion');
  assert.equal(completion.model, MODEL);
  const [choice] = completion.choices;
  assert.equal(choice.text, ANSWER);
  assert.equal(choice.finish_reason, 'stop');
  assert.equal(choice.logprobs, null);
  const { usage } = completion;
  assert.equal(usage.total_tokens, usage.prompt_tokens + usage.completion_tokens);
  for (const part of ['queue', 'prefill', 'decode']) {
    assert.ok(usage.hadal[`${part}_seconds`] > 0, part);
  }
});

test('a stream', async () => {
  const chunks = await collect(
    await create({
      stream: true,
      stream_options: { include_usage: true, continuous_usage_stats: true },
    }),
  );
  const last = chunks.pop();
  assert.deepEqual(last.choices, []);
  assert.equal(chunks.map(({ choices }) => choices[0].text).join(''), ANSWER);
  assert.equal(chunks.at(-1).choices[0].finish_reason, 'stop');
  const counts = chunks.map(({ usage }) => usage.completion_tokens);
  assert.deepEqual(counts, [...counts].sort((a, b) => a - b));
  assert.ok(new Set(counts).size > 2, 'they grow');
  assert.equal(last.usage.completion_tokens, counts.at(-1));
});

test('token ids there and back', async () => {
  const { tokens, count } = await post('/tokenize', { prompt: PROMPT });
  assert.equal(tokens.length, count);
  const { choices, usage } = await create({ prompt: tokens, return_token_ids: true });
  assert.equal(choices[0].text, ANSWER);
  assert.equal(usage.prompt_tokens, count);
  assert.deepEqual(choices[0].prompt_token_ids, tokens);
  assert.equal(choices[0].token_ids.length, usage.completion_tokens);
  const { prompt } = await post('/detokenize', { tokens: choices[0].token_ids });
  assert.equal(prompt, `${ANSWER}<｜end▁of▁sentence｜>`);
});

test('several prompts have a choice each', async () => {
  const { tokens } = await post('/tokenize', { prompt: PROMPT });
  const { choices } = await create({ prompt: [tokens, tokens.slice(0, 5), tokens] });
  assert.deepEqual(choices.map(({ index }) => index), [0, 1, 2]);
  assert.equal(choices[0].text, ANSWER);
  assert.equal(choices[2].text, ANSWER);
});

test('a prompt is scored without an answer', async () => {
  const text = 'Anna lives in Lisbon.';
  const { choices, usage } = await create({ prompt: text, max_tokens: 0, echo: true, logprobs: 2 });
  const [{ logprobs }] = choices;
  assert.equal(choices[0].text, text);
  assert.equal(usage.completion_tokens, 0);
  for (const list of Object.values(logprobs)) assert.equal(list.length, usage.prompt_tokens);
  assert.equal(logprobs.token_logprobs[0], null);
  for (const [i, score] of logprobs.token_logprobs.slice(1).entries()) {
    assert.ok(score <= 0);
    assert.equal(logprobs.top_logprobs[i + 1][logprobs.tokens[i + 1]], score);
  }
  assert.equal(logprobs.tokens.slice(1).join(''), text);
});

test('as many tokens as were asked for', async () => {
  const { choices, usage } = await create({ max_tokens: 64, ignore_eos: true });
  assert.equal(usage.completion_tokens, 64);
  assert.equal(choices[0].finish_reason, 'length');
});

test('what is wrong is told by its place', async () => {
  await assert.rejects(create({ prompt: [[5], [7, 999_999]] }), (error) => {
    assert.equal(error.status, 400);
    assert.equal(error.param, 'prompt[1][1]');
    return true;
  });
});
