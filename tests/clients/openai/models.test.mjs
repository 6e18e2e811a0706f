import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { Server } from '../support/server.mjs';
import { connect, MODEL, OpenAI, SERVE } from './client.mjs';

let server;
let client;
before(async () => {
  server = await Server.start(SERVE);
  client = connect(server);
});
after(() => server?.stop());

test('the list holds the served model', async () => {
  const page = await client.models.list();
  assert.equal(page.data.length, 1);
  const [model] = page.data;
  assert.equal(model.id, MODEL);
  assert.equal(model.object, 'model');
  assert.equal(model.owned_by, 'hadal');
  assert.ok(Number.isInteger(model.created) && model.created > 0);
  assert.equal(model.context_length, 4096);
});

test('the list can be iterated', async () => {
  const names = [];
  for await (const model of client.models.list()) names.push(model.id);
  assert.deepEqual(names, [MODEL]);
});

// The library sends the slash of the name as %2F.
test('a model whose name holds a slash is found', async () => {
  const model = await client.models.retrieve(MODEL);
  assert.equal(model.id, MODEL);
  assert.deepEqual(model, (await client.models.list()).data[0]);
});

test('however much of the name is percent-encoded', async () => {
  const everything = [...Buffer.from(MODEL)]
    .map((byte) => `%${byte.toString(16).padStart(2, '0')}`)
    .join('');
  for (const name of [MODEL, MODEL.replace('/', '%2f'), everything, everything.toUpperCase()]) {
    assert.equal((await client.get(`/models/${name}`)).id, MODEL, name);
  }
});

test('a model that is not served is not found', async () => {
  for (const name of ['gpt-4o', 'deepseek-ai', 'DeepSeek-V4-Flash', `${MODEL} `]) {
    await assert.rejects(client.models.retrieve(name), (error) => {
      assert.ok(error instanceof OpenAI.NotFoundError, `${name}: ${error}`);
      assert.equal(error.code, 'model_not_found', name);
      assert.match(error.message, /deepseek-ai\/DeepSeek-V4-Flash/);
      return true;
    });
  }
});

test('the base URL may end in a slash', async () => {
  for (const base of [`${server.url}/v1`, `${server.url}/v1/`]) {
    const page = await connect(server, { baseURL: base }).models.list();
    assert.equal(page.data[0].id, MODEL, base);
  }
});

test('a key, an organisation and a project are taken and ignored', async () => {
  const other = connect(server, {
    apiKey: 'sk-of-somebody',
    organization: 'org-1',
    project: 'proj-1',
    defaultHeaders: { 'X-Extra': 'yes' },
    defaultQuery: { 'api-version': '2026-01-01' },
  });
  assert.equal((await other.models.list()).data[0].id, MODEL);
});
