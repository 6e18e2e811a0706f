import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { Server } from '../support/server.mjs';
import { ANSWER, collect, connect, joined, MODEL, NOTES, QUESTION, SERVE } from './client.mjs';

let server;
let client;
before(async () => {
  server = await Server.start(SERVE);
  client = connect(server);
});
after(() => server?.stop());

const create = (fields) => client.chat.completions.create({ ...QUESTION, ...fields });
const text = async (fields) => (await create(fields)).choices[0].message.content;

test('a whole answer', async () => {
  const completion = await create({});
  assert.match(completion.id, /^chatcmpl-/);
  assert.equal(completion.object, 'chat.completion');
  assert.equal(completion.model, MODEL);
  assert.ok(Number.isInteger(completion.created));
  assert.equal(completion.choices.length, 1);
  const [choice] = completion.choices;
  assert.equal(choice.index, 0);
  assert.equal(choice.finish_reason, 'stop');
  assert.equal(choice.message.role, 'assistant');
  assert.equal(choice.message.content, ANSWER);
  assert.equal(choice.message.tool_calls, undefined);
  const { usage } = completion;
  assert.ok(usage.prompt_tokens > 0 && usage.completion_tokens > 1);
  assert.equal(usage.total_tokens, usage.prompt_tokens + usage.completion_tokens);
  assert.equal(usage.completion_tokens_details.reasoning_tokens, 0);
});

test('the model may be left out', async () => {
  assert.equal(await text({ model: undefined }), ANSWER);
});

test('what it said can be sent back as it came', async () => {
  const first = { role: 'user', content: NOTES };
  const { choices } = await create({ messages: [first] });
  const second = { role: 'user', content: 'Where can I find the key?' };
  assert.equal(
    await text({ messages: [first, choices[0].message, second] }),
    'The key is under the stairs.',
  );
});

test('content in parts, and messages of every role', async () => {
  const parts = QUESTION.messages.map(({ role, content }) => ({
    role,
    content: [{ type: 'text', text: content }],
  }));
  assert.equal(await text({ messages: parts }), ANSWER);
  for (const role of ['system', 'developer']) {
    const messages = [{ role, content: 'Be brief.' }, ...QUESTION.messages];
    assert.equal((await create({ messages })).choices[0].finish_reason, 'stop', role);
  }
});

// Sent by applications without a thought; none of them may stand in the way of an answer.
test('fields that mean nothing here are ignored', async () => {
  assert.equal(
    await text({
      user: 'somebody',
      metadata: { session: '1' },
      store: false,
      service_tier: 'auto',
      parallel_tool_calls: true,
      prompt_cache_key: 'a',
      safety_identifier: 'b',
      verbosity: 'medium',
      n: 1,
      stop: null,
      logit_bias: null,
      response_format: { type: 'text' },
    }),
    ANSWER,
  );
});

test('a streamed answer has the same text, in one chunk a token', async () => {
  const chunks = await collect(await create({ stream: true }));
  assert.equal(joined(chunks), ANSWER);
  assert.equal(chunks[0].choices[0].delta.role, 'assistant');
  assert.deepEqual(new Set(chunks.map((chunk) => chunk.id)).size, 1);
  for (const chunk of chunks) {
    assert.equal(chunk.object, 'chat.completion.chunk');
    assert.equal(chunk.model, MODEL);
    assert.equal(chunk.choices.length, 1);
    assert.ok(!chunk.usage);
  }
  const reasons = chunks.map((chunk) => chunk.choices[0].finish_reason);
  assert.deepEqual(reasons.filter((reason) => reason !== null), ['stop']);
  assert.equal(reasons.at(-1), 'stop');
  assert.ok(chunks.length > 5, `${chunks.length} chunks`);
});

test('a stream ends with the counts of a whole answer, if asked', async () => {
  const whole = (await create({ cache_salt: 'counts of the whole answer' })).usage;
  const chunks = await collect(
    await create({
      stream: true,
      stream_options: { include_usage: true },
      cache_salt: 'counts of the stream',
    }),
  );
  const last = chunks.pop();
  assert.deepEqual(last.choices, []);
  // Where the time went differs from one time to the next.
  assert.deepEqual(Object.keys(last.usage.hadal), Object.keys(whole.hadal));
  assert.deepEqual({ ...last.usage, hadal: whole.hadal }, whole);
  for (const chunk of chunks) assert.equal(chunk.usage, null);
});

test('the second time, the prompt comes from the cache', async () => {
  const messages = [{ role: 'user', content: `${NOTES} `.repeat(12) + 'Where is the key?' }];
  const fields = { messages, cache_salt: 'asked twice' };
  const first = (await create(fields)).usage;
  const second = (await create(fields)).usage;
  assert.equal(first.prompt_tokens_details.cached_tokens, 0);
  assert.ok(second.prompt_tokens_details.cached_tokens > 0);
  assert.ok(second.prompt_tokens_details.cached_tokens < second.prompt_tokens);
});

test("the library's own collector of streams", async () => {
  const stream = client.chat.completions.stream({
    ...QUESTION,
    stream_options: { include_usage: true },
  });
  const said = [];
  stream.on('content', (delta) => said.push(delta));
  const completion = await stream.finalChatCompletion();
  assert.equal(said.join(''), ANSWER);
  assert.equal(completion.choices[0].message.content, ANSWER);
  assert.equal(completion.choices[0].finish_reason, 'stop');
  assert.equal((await stream.finalContent()).trim(), ANSWER);
  assert.ok((await stream.totalUsage()).completion_tokens > 1);
});

test('a stream can be split in two', async () => {
  const [left, right] = (await create({ stream: true })).tee();
  const [one, other] = await Promise.all([collect(left), collect(right)]);
  assert.equal(joined(one), ANSWER);
  assert.deepEqual(one, other);
});

test('reasoning stands beside the answer', async () => {
  const fields = {
    messages: [{ role: 'user', content: `${NOTES}\n\nWhat pet does Victor have?` }],
  };
  const ways = [
    { reasoning_effort: 'high' },
    { thinking: { type: 'enabled' } },
    { chat_template_kwargs: { thinking: true } },
  ];
  for (const way of ways) {
    const { choices, usage } = await create({ ...fields, ...way });
    assert.equal(choices[0].message.content, 'Victor has a white owl.');
    assert.equal(choices[0].message.reasoning_content, 'The notes say: Victor has a white owl.');
    assert.ok(usage.completion_tokens_details.reasoning_tokens > 0);

    const chunks = await collect(await create({ ...fields, ...way, stream: true }));
    assert.equal(joined(chunks), choices[0].message.content);
    assert.equal(joined(chunks, 'reasoning_content'), choices[0].message.reasoning_content);
    const begun = chunks.findIndex((chunk) => chunk.choices[0].delta.content);
    const thought = chunks.findLastIndex((chunk) => chunk.choices[0].delta.reasoning_content);
    assert.ok(thought < begun, 'reasoning comes first');
  }
  const { choices } = await create({ ...fields, reasoning_effort: 'none' });
  assert.ok(!choices[0].message.reasoning_content);
});

test('log-probabilities of every token', async () => {
  const { choices, usage } = await create({ logprobs: true, top_logprobs: 3 });
  const { content } = choices[0].logprobs;
  assert.equal(content.length, usage.completion_tokens - 1);  // not of the token that ends it
  assert.equal(content.map((entry) => entry.token).join(''), ANSWER);
  const bytes = Buffer.from(content.flatMap((entry) => entry.bytes));
  assert.equal(bytes.toString('utf8'), ANSWER);
  for (const entry of content) {
    assert.ok(entry.logprob <= 0);
    assert.equal(entry.top_logprobs.length, 3);
    // A greedy answer is made of the likeliest tokens, which come in order.
    assert.equal(entry.top_logprobs[0].token, entry.token);
    assert.equal(entry.top_logprobs[0].logprob, entry.logprob);
    const values = entry.top_logprobs.map((top) => top.logprob);
    assert.deepEqual(values, values.slice().sort((a, b) => b - a));
  }
  const chunks = await collect(await create({ logprobs: true, top_logprobs: 3, stream: true }));
  const streamed = chunks.flatMap((chunk) => chunk.choices[0].logprobs?.content ?? []);
  assert.deepEqual(streamed, content);

  const without = await create({ logprobs: true });
  assert.deepEqual(without.choices[0].logprobs.content[0].top_logprobs, []);
  assert.ok(!(await create({})).choices[0].logprobs);
});

test('stop strings end the answer and are no part of it', async () => {
  for (const [stop, expected] of [
    [' door', 'The code for the blue'],
    [['never said', 'blue d'], 'The code for the '],
    ['The', ''],
    [['4821.'], 'The code for the blue door is '],
    ['never said', ANSWER],
  ]) {
    const { choices } = await create({ stop });
    assert.equal(choices[0].message.content ?? '', expected, `stop ${stop}`);
    assert.equal(choices[0].finish_reason, 'stop', `stop ${stop}`);
    assert.equal(joined(await collect(await create({ stop, stream: true }))), expected);
  }
});

test('a seed repeats the answer, alone and in company', async () => {
  const sampled = {
    messages: [{ role: 'user', content: 'Tell me about Anna.' }],
    temperature: 2,
    max_tokens: 24,
  };
  const seeds = [...Array(8).keys()];
  const alone = [];
  for (const seed of seeds) alone.push(await text({ ...sampled, seed }));
  const together = await Promise.all(seeds.map((seed) => text({ ...sampled, seed })));
  assert.deepEqual(together, alone);
  assert.ok(new Set(alone).size > 1, 'seeds make no difference');
  const streamed = await collect(await create({ ...sampled, seed: 3, stream: true }));
  assert.equal(joined(streamed), alone[3]);
});

test('max_tokens and max_completion_tokens cut the answer', async () => {
  const limits = [
    { max_tokens: 4 },
    { max_completion_tokens: 4 },
    { max_tokens: 9, max_completion_tokens: 4 },
  ];
  for (const limit of limits) {
    const { choices, usage } = await create(limit);
    assert.equal(choices[0].finish_reason, 'length');
    assert.equal(usage.completion_tokens, 4);
    assert.ok(ANSWER.startsWith(choices[0].message.content));
    const chunks = await collect(await create({ ...limit, stream: true }));
    assert.equal(chunks.at(-1).choices[0].finish_reason, 'length');
    assert.equal(joined(chunks), choices[0].message.content);
  }
});

test('every answer has an id that the log of the client can name', async () => {
  const completion = await create({ max_tokens: 1 });
  assert.equal(typeof completion._request_id, 'string');
  assert.ok(completion._request_id.length > 0);
  const other = await create({ max_tokens: 1 });
  assert.notEqual(completion._request_id, other._request_id);
});

test('the raw response is what HTTP says it is', async () => {
  const whole = await client.chat.completions.create({ ...QUESTION, max_tokens: 1 }).asResponse();
  assert.equal(whole.status, 200);
  assert.match(whole.headers.get('content-type'), /^application\/json/);
  await whole.text();
  const { response, data } = await client.chat.completions
    .create({ ...QUESTION, stream: true })
    .withResponse();
  assert.match(response.headers.get('content-type'), /^text\/event-stream/);
  assert.equal(joined(await collect(data)), ANSWER);
});
