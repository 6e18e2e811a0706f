import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { Server } from '../support/server.mjs';
import { collect, connect, joined, MODEL, OpenAI, SERVE } from './client.mjs';

let server;
let client;
before(async () => {
  server = await Server.start(SERVE);
  client = connect(server);
});
after(() => server?.stop());

const GET_WEATHER = {
  name: 'get_weather',
  description: 'Get the weather for a city',
  parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
};
const ASK = {
  model: MODEL,
  temperature: 0,
  messages: [{ role: 'user', content: 'What is the weather in Lisbon?' }],
  tools: [{ type: 'function', function: GET_WEATHER }],
};
// As Python writes it, with spaces: so the model has learnt it.
const WEATHER = '{"sky": "sunny", "temperature": 24}';
const REPORT = 'It is sunny in Lisbon, with 24 degrees.';

const create = (fields) => client.chat.completions.create({ ...ASK, ...fields });

function checkCall(choice) {
  assert.equal(choice.finish_reason, 'tool_calls');
  assert.equal(choice.message.tool_calls.length, 1);
  const [call] = choice.message.tool_calls;
  assert.equal(call.type, 'function');
  assert.ok(call.id.length > 0);
  assert.equal(call.function.name, 'get_weather');
  assert.deepEqual(JSON.parse(call.function.arguments), { city: 'Lisbon' });
  return call;
}

test('a call and its result', async () => {
  const { choices } = await create({});
  const call = checkCall(choices[0]);
  assert.ok(!choices[0].message.content);
  const messages = [
    ...ASK.messages,
    choices[0].message,
    { role: 'tool', tool_call_id: call.id, content: WEATHER },
  ];
  const answer = await create({ messages });
  assert.equal(answer.choices[0].message.content, REPORT);
  assert.equal(answer.choices[0].finish_reason, 'stop');
  assert.equal(joined(await collect(await create({ messages, stream: true }))), REPORT);
});

test('a streamed call: first its id and name, then its arguments', async () => {
  const chunks = await collect(await create({ stream: true }));
  const deltas = chunks.flatMap((chunk) => chunk.choices[0].delta.tool_calls ?? []);
  assert.equal(deltas[0].index, 0);
  assert.equal(deltas[0].type, 'function');
  assert.ok(deltas[0].id);
  assert.equal(deltas[0].function.name, 'get_weather');
  for (const delta of deltas.slice(1)) {
    assert.equal(delta.index, 0);
    assert.ok(!delta.function.name, 'the name comes once');
  }
  const text = deltas.map((delta) => delta.function.arguments ?? '').join('');
  assert.deepEqual(JSON.parse(text), { city: 'Lisbon' });
  assert.equal(chunks.at(-1).choices[0].finish_reason, 'tool_calls');
  assert.equal(joined(chunks), '');
});

test("the library's own collector puts a streamed call together", async () => {
  const completion = await client.chat.completions.stream(ASK).finalChatCompletion();
  checkCall(completion.choices[0]);
});

test('the library runs the tools itself', async () => {
  for (const stream of [false, true]) {
    const asked = [];
    const runner = client.chat.completions.runTools({
      ...ASK,
      stream,
      tools: [
        {
          type: 'function',
          function: {
            ...GET_WEATHER,
            parse: JSON.parse,
            function: ({ city }) => {
              asked.push(city);
              return WEATHER;
            },
          },
        },
      ],
    });
    assert.equal(await runner.finalContent(), REPORT, `stream: ${stream}`);
    assert.deepEqual(asked, ['Lisbon']);
  }
});

test('without tools, or forbidden to, it calls none', async () => {
  for (const fields of [{ tools: undefined }, { tools: [] }, { tool_choice: 'none' }]) {
    const { choices } = await create(fields);
    assert.equal(choices[0].message.tool_calls, undefined);
    assert.equal(choices[0].finish_reason, 'stop');
  }
  checkCall((await create({ tool_choice: 'auto' })).choices[0]);
});

test('tools that are none are refused, and the field is named', async () => {
  for (const [tools, param] of [
    [[{ type: 'function' }], 'tools[0].function'],
    [[{ type: 'function', function: {} }], 'tools[0].function.name'],
    [[ASK.tools[0], { type: 'web_search' }], 'tools[1].type'],
    ['get_weather', 'tools'],
  ]) {
    await assert.rejects(create({ tools }), (error) => {
      assert.ok(error instanceof OpenAI.BadRequestError, String(error));
      assert.equal(error.param, param);
      return true;
    });
  }
});
