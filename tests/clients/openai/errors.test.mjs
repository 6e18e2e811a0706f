import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import zlib from 'node:zlib';

import { Server } from '../support/server.mjs';
import { ANSWER, connect, MODEL, OpenAI, QUESTION, SERVE } from './client.mjs';

let server;
let client;
before(async () => {
  server = await Server.start(SERVE);
  client = connect(server);
});
after(() => server?.stop());

const create = (fields, options) =>
  client.chat.completions.create({ ...QUESTION, ...fields }, options);

// Refused with this class of the library, and this status, code and field; the error is returned.
async function refusal(promise, kind, expected) {
  let error;
  try {
    await promise;
  } catch (caught) {
    error = caught;
  }
  assert.ok(error, 'nothing was refused');
  assert.ok(error instanceof kind, `${error?.constructor?.name}: ${error}`);
  const seen = Object.fromEntries(Object.keys(expected).map((key) => [key, error[key]]));
  assert.deepEqual(seen, expected, error.message);
  assert.ok(error.message.length > 20, error.message);
  return error;
}

// Agents know an overflow, and shorten the conversation, by these words: the libraries show the
// message alone.
const OVERFLOW = /maximum context length is [0-9]+ tokens/;

test('a prompt that the context does not hold', async () => {
  const messages = [{ role: 'user', content: 'We drank tea. '.repeat(3000) }];
  for (const stream of [false, true]) {
    const error = await refusal(create({ messages, stream }), OpenAI.BadRequestError, {
      status: 400,
      code: 'context_length_exceeded',
      type: 'invalid_request_error',
      param: 'messages',
    });
    assert.match(error.message, /4096/);
    assert.match(error.message, OVERFLOW);
  }
});

test('an unknown model', async () => {
  const error = await refusal(create({ model: 'gpt-4o' }), OpenAI.NotFoundError, {
    status: 404,
    code: 'model_not_found',
    param: 'model',
  });
  assert.match(error.message, /gpt-4o/);
  assert.ok(error.message.includes(MODEL), 'says what there is');
});

test('an unknown route, and a route that takes another method', async () => {
  await refusal(client.get('/nowhere'), OpenAI.NotFoundError, { status: 404 });
  await refusal(client.images.generate({ prompt: 'a cat' }), OpenAI.NotFoundError, { status: 404 });
  const error = await refusal(client.get('/chat/completions'), OpenAI.APIError, { status: 405 });
  assert.match(error.headers.get('allow'), /POST/);
});

test('fields of the wrong type or value are named', async () => {
  for (const [fields, param] of [
    [{ temperature: 'hot' }, 'temperature'],
    [{ temperature: -1 }, 'temperature'],
    [{ top_p: 1.5 }, 'top_p'],
    [{ max_tokens: 0 }, 'max_tokens'],
    [{ max_completion_tokens: -3 }, 'max_completion_tokens'],
    [{ max_tokens: 1.5 }, 'max_tokens'],
    [{ seed: 'lucky' }, 'seed'],
    [{ stop: 7 }, 'stop'],
    [{ stream: 'yes' }, 'stream'],
    [{ top_logprobs: 21, logprobs: true }, 'top_logprobs'],
    [{ top_logprobs: 2 }, 'top_logprobs'],
    [{ presence_penalty: 3 }, 'presence_penalty'],
    [{ frequency_penalty: -2.5 }, 'frequency_penalty'],
    [{ logit_bias: { door: 1 } }, 'logit_bias["door"]'],
    [{ reasoning_effort: 'some' }, 'reasoning_effort'],
    [{ messages: undefined }, 'messages'],
    [{ messages: [] }, 'messages'],
    [{ messages: 'Hello' }, 'messages'],
    [{ messages: [{ role: 'wizard', content: 'Hello' }] }, 'messages[0].role'],
  ]) {
    await refusal(create(fields), OpenAI.BadRequestError, { status: 400, param });
  }
});

// Better refused than answered as if it had not been asked for.
test('what is not supported is refused, not ignored', async () => {
  for (const [fields, param] of [
    [{ n: 2 }, 'n'],
    [{ response_format: { type: 'json_object' } }, 'response_format'],
    [
      {
        response_format: {
          type: 'json_schema',
          json_schema: { name: 'answer', schema: { type: 'object' } },
        },
      },
      'response_format',
    ],
    [{ tool_choice: 'required' }, 'tool_choice'],
  ]) {
    const code = 'unsupported_value';
    await refusal(create(fields), OpenAI.BadRequestError, { status: 400, code, param });
  }
});

test('an image in a question', async () => {
  const image = { type: 'image_url', image_url: { url: 'data:image/png;base64,AA==' } };
  const messages = [{ role: 'user', content: [{ type: 'text', text: 'What is it?' }, image] }];
  const error = await refusal(create({ messages }), OpenAI.BadRequestError, { status: 400 });
  assert.match(error.message, /image_url/);
});

test('a body of more bytes than any conversation has', async () => {
  const messages = [{ role: 'user', content: 'a'.repeat(40 << 20) }];
  const error = await refusal(create({ messages }), OpenAI.APIError, { status: 413 });
  assert.match(error.message, /[0-9]{7}/);  // the limit
  assert.equal((await create({})).choices[0].message.content, ANSWER);
});

test('a compressed body is read, or refused with its encoding named', async () => {
  const compressing = connect(server, {
    fetch: (url, init) =>
      fetch(url, {
        ...init,
        headers: { ...Object.fromEntries(new Headers(init.headers)), 'content-encoding': 'gzip' },
        body: zlib.gzipSync(init.body),
      }),
  });
  let error;
  try {
    const completion = await compressing.chat.completions.create(QUESTION);
    assert.equal(completion.choices[0].message.content, ANSWER);
    return;
  } catch (caught) {
    error = caught;
  }
  assert.equal(error.status, 415, String(error));
  assert.match(error.message, /gzip/);
});

test('an error has an id that can be named to the operator', async () => {
  const error = await refusal(create({ model: 'x' }), OpenAI.NotFoundError, { status: 404 });
  assert.equal(typeof error.requestID, 'string');
  assert.ok(error.requestID.length > 0);
});

test('after all that the server answers as before', async () => {
  assert.equal((await create({})).choices[0].message.content, ANSWER);
  assert.equal(await server.requestsUnderWay(), 0);
});
