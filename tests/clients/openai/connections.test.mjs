// Clients that leave, wait, come again, or come all at once.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { CountingProxy } from '../support/counting_proxy.mjs';
import { eventually, Server } from '../support/server.mjs';
import { ANSWER, collect, connect, ENDLESS, joined, OpenAI, QUESTION, SERVE } from './client.mjs';

// Slow enough that an endless answer is still being made when the client leaves.
const SLOW = ['--isa', 'ref', '--threads', '1'];

let server;
let client;
before(async () => {
  server = await Server.start([...SERVE, ...SLOW]);
  client = connect(server);
});
after(() => server?.stop());

const cancelled = () => server.metric('hadal_requests_ended_total', '{how="cancelled"}');
const completed = () => server.metric('hadal_requests_ended_total', '{how="completed"}');
const idle = () =>
  eventually('no request under way', async () => (await server.requestsUnderWay()) === 0);

test('a stream that is aborted ends its request', async () => {
  const before = { cancelled: await cancelled(), completed: await completed() };
  const stream = await client.chat.completions.create({ ...ENDLESS, stream: true });
  let chunks = 0;
  for await (const _ of stream) {
    if (++chunks === 3) stream.controller.abort();
  }
  assert.ok(chunks >= 3);
  await idle();
  assert.equal(await cancelled(), before.cancelled + 1);
  assert.equal(await completed(), before.completed);
});

test('so does a stream that is left with break', async () => {
  const before = await cancelled();
  for await (const _ of await client.chat.completions.create({ ...ENDLESS, stream: true })) break;
  await idle();
  assert.equal(await cancelled(), before + 1);
});

test('and a whole answer that is no longer wanted', async () => {
  const before = await cancelled();
  const controller = new AbortController();
  const answer = client.chat.completions.create(ENDLESS, { signal: controller.signal });
  const failed = assert.rejects(answer, OpenAI.APIUserAbortError);
  await eventually('a request running', async () => (await server.requestsUnderWay()) === 1);
  controller.abort();
  await failed;
  await idle();
  assert.equal(await cancelled(), before + 1);
});

test('a time-out of the client frees the request too', async () => {
  const before = await completed();
  await assert.rejects(
    client.chat.completions.create(ENDLESS, { timeout: 300 }),
    OpenAI.APIConnectionTimeoutError,
  );
  await idle();
  assert.equal(await completed(), before);
});

test("the request's own time-out ends it with an error", async () => {
  const before = await server.metric('hadal_requests_ended_total', '{how="expired"}');
  await assert.rejects(client.chat.completions.create({ ...ENDLESS, timeout: 0.2 }), (error) => {
    assert.ok(error instanceof OpenAI.APIError, String(error));
    assert.ok(error.status >= 408, String(error));
    return true;
  });
  assert.equal(
    await server.metric('hadal_requests_ended_total', '{how="expired"}'), before + 1);
});

test('an error in the middle of a stream is an error for the client', async () => {
  const stream = await client.chat.completions.create({ ...ENDLESS, timeout: 0.5, stream: true });
  await assert.rejects(collect(stream), OpenAI.APIError);
  await idle();
});

test('twenty clients at once, each with an answer of its own', async () => {
  const questions = [...Array(20).keys()].map((i) => ({
    ...QUESTION,
    stream: i % 2 === 1,
    messages: [
      { role: 'user', content: `The code for the red door is ${7301 + 37 * i}. ` +
                               'Anna lives in Lisbon. What is the code for the red door?' },
    ],
  }));
  const ask = async (question) => {
    const answer = await connect(server).chat.completions.create(question);
    return question.stream ? joined(await collect(answer)) : answer.choices[0].message.content;
  };
  const together = await Promise.all(questions.map(ask));
  const alone = [];
  for (const question of questions) alone.push(await ask(question));
  assert.deepEqual(together, alone);
  assert.equal(new Set(alone).size, alone.length, alone.join('\n'));
  assert.equal(await server.requestsUnderWay(), 0);
});

test('connections serve a client for all its requests', async () => {
  const proxy = await CountingProxy.to(server.port);
  try {
    const through = connect(server, { baseURL: `${proxy.url}/v1` });
    for (let i = 0; i < 4; ++i) {
      await through.models.list();
      const whole = await through.chat.completions.create(QUESTION);
      assert.equal(whole.choices[0].message.content, ANSWER);
      const chunks = await collect(
        await through.chat.completions.create({ ...QUESTION, stream: true }),
      );
      assert.equal(joined(chunks), ANSWER);
      await assert.rejects(through.models.retrieve('another'), OpenAI.NotFoundError);
    }
    // fetch opens a second when it is asked again before it has put the first one back.
    assert.ok(proxy.connections <= 2, `${proxy.connections} connections for 16 requests`);
  } finally {
    await proxy.close();
  }
});

test('a full queue says so, and a client that tries again gets its answer', async () => {
  const small = await Server.start([...SERVE, ...SLOW, '--max-running', '1', '--max-queue', '1']);
  const controller = new AbortController();
  try {
    const patient = connect(small);
    // The second is sent only when the first has left the queue.
    const holders = [];
    for (const place of ['hadal_requests_running', 'hadal_requests_waiting']) {
      const holder = patient.chat.completions.create(ENDLESS, { signal: controller.signal });
      holders.push(holder.catch((error) => error));
      await eventually(place, async () => (await small.metric(place)) === 1);
    }
    await assert.rejects(patient.chat.completions.create(QUESTION), (error) => {
      assert.ok(error instanceof OpenAI.InternalServerError, String(error));
      assert.equal(error.status, 503);
      assert.match(error.headers.get('retry-after'), /^[0-9]+$/);
      return true;
    });

    let tries = 0;
    const stubborn = connect(small, {
      maxRetries: 2,
      fetch: async (url, init) => {
        const response = await fetch(url, init);
        if (++tries === 1) {
          assert.equal(response.status, 503);
          controller.abort();
        }
        return response;
      },
    });
    const completion = await stubborn.chat.completions.create(QUESTION);
    assert.equal(completion.choices[0].message.content, ANSWER);
    assert.equal(tries, 2);
    for (const holder of holders) {
      assert.ok((await holder) instanceof OpenAI.APIUserAbortError);
    }
  } finally {
    controller.abort();
    await small.stop();
  }
});

test('a server that is gone is a connection error', async () => {
  const short = await Server.start(SERVE);
  await short.stop();
  await assert.rejects(connect(short).models.list(), OpenAI.APIConnectionError);
});

// Clients keep their connections open: they are no reason to stay.
test('the server ends on SIGTERM while clients are connected, and ends well', async () => {
  const other = await Server.start(SERVE);
  const asked = connect(other);
  assert.equal(
    (await asked.chat.completions.create(QUESTION)).choices[0].message.content, ANSWER);
  assert.deepEqual(await other.stop(), { code: 0, signal: null });
});
