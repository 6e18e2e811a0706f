// The examples of README.md and docs/api.md are run as they stand there, and must answer what
// stands there: an example that has gone stale fails here.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';

import { Server } from '../support/server.mjs';

const root = process.env.HADAL_SOURCE_DIR;
const LIMIT_MS = 300_000;

// By sh: bash takes an input that is a socket, as node's is, for a login from afar, and would read
// the user's ~/.bashrc.
function run(command, input = '') {
  return spawnSync('sh', ['-c', command], { encoding: 'utf8', timeout: LIMIT_MS, input });
}

// The blocks of code of a page, fenced or indented, without what marks them.
function codeBlocks(markdown) {
  const blocks = [];
  let fenced = false;
  let block = null;
  for (const line of markdown.split('\n')) {
    const fence = line.startsWith('```');
    const inside = fenced ? !fence : line.startsWith('    ') || (line === '' && block !== null);
    if (inside) {
      block ??= [];
      block.push(fenced ? line : line.slice(4));
    } else if (block !== null) {
      blocks.push(block);
      block = null;
    }
    if (fence) fenced = !fenced;
  }
  if (block !== null) blocks.push(block);
  return blocks;
}

// {command, output} of a block: a command begins with "$ " and goes on while a quote or a backslash
// leaves it open; what follows is its output.
function examples(block) {
  const found = [];
  const open = (command) => command.endsWith('\\') || command.split("'").length % 2 === 0;
  for (const line of block) {
    const last = found.at(-1);
    if (line.startsWith('$ ')) found.push({ command: line.slice(2), output: [] });
    else if (last !== undefined && open(last.command)) last.command += `\n${line}`;
    else last?.output.push(line);
  }
  return found.map(({ command, output }) => ({ command, output: output.join('\n').trim() }));
}

function documented(page, wanted) {
  const all = codeBlocks(fs.readFileSync(path.join(root, page), 'utf8')).flatMap(examples);
  return all.filter(({ command }) => wanted.test(command));
}

// What differs from one time to the next: ids of their kind, and times.
// How many tokens are guessed follows what guesses cost at that moment.
function isSteady([key]) {
  return !key.endsWith('draft_tokens') && key !== 'draft_seconds';
}

function masked(value) {
  if (Array.isArray(value)) return value.map(masked);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value).filter(isSteady).map(([key, inner]) => {
      if (key === 'created' && Number.isInteger(inner)) return [key, 'a time'];
      if (key.endsWith('_seconds') && typeof inner === 'number') return [key, 'seconds'];
      if (key === 'id' && typeof inner === 'string') {
        return [key, inner.replace(/([-_])[0-9a-zA-Z]{8,}$/, '$1...')];
      }
      return [key, masked(inner)];
    }),
  );
}

// The events of a stream, each with its data read; where the page leaves some out, "(..." stands.
const events = (text) =>
  text
    .split('\n\n')
    .map((event) => event.trim())
    .filter((event) => event !== '')
    .map((event) => {
      if (event.startsWith('(...')) return null;
      return event.split('\n').map((line) => {
        const data = line.match(/^data: (\{.*)$/);
        return data ? masked(JSON.parse(data[1])) : line;
      });
    });

function checkStream(said, written) {
  const got = events(said);
  const parts = [[]];
  for (const event of events(written)) {
    if (event === null) parts.push([]);
    else parts.at(-1).push(event);
  }
  assert.ok(parts.length <= 2, 'the page leaves out more than one part');
  const [head, tail = []] = parts;
  assert.ok(got.length >= head.length + tail.length);
  if (parts.length === 1) assert.equal(got.length, head.length);
  assert.deepEqual(got.slice(0, head.length), head);
  assert.deepEqual(got.slice(got.length - tail.length), tail);
}

function checkOutput(said, written) {
  if (written === '') return;
  if (written.startsWith('{')) {
    // The page may break a line for reading.
    const text = written.replace(/\n\s*/g, '');
    assert.deepEqual(masked(JSON.parse(said)), masked(JSON.parse(text)));
  } else if (/^(data|event): /.test(written)) {
    checkStream(said, written);
  } else {
    assert.equal(said.trim(), written);
  }
}

for (const [page, least] of [['README.md', 1], ['docs/api.md', 3]]) {
  test(`curl in ${page}`, async (t) => {
    const found = documented(page, /^curl /);
    assert.ok(found.length >= least, `${found.length} examples found; has the page another form?`);
    for (const { command, output } of found) {
      await t.test(command.split('\n')[0], async () => {
        // One for each example: what was asked before could lie in the cache.
        const server = await Server.start();
        try {
          const here = command.replace(/(localhost|127\.0\.0\.1):8000/g, `127.0.0.1:${server.port}`);
          assert.ok(here.includes(String(server.port)), 'the example names no address');
          // Without the user's ~/.curlrc.
          const outcome = run(here.replace(/^curl/, 'curl -q --fail-with-body'));
          assert.equal(outcome.status, 0, outcome.stdout + outcome.stderr);
          checkOutput(outcome.stdout, output);
        } finally {
          await server.stop();
        }
      });
    }
  });
}

// Lines after "> " are typed; all others are answered. The greeting is for a terminal only.
test('hadal in README.md', async (t) => {
  const found = documented('README.md', /^build\/release\/bin\/hadal /);
  assert.ok(found.length >= 2, `${found.length} examples found`);
  for (const { command, output } of found) {
    await t.test(command, () => {
      const here = command.replace(/^\S+/, '"$HADAL_BINARY" ') + ' 2>&1';
      const typed = output.match(/^> .*$/gm)?.map((line) => line.slice(2)) ?? [];
      const answers = output.split('\n').filter((line) => !line.startsWith('> '));
      if (typed.length > 0) assert.match(answers.shift(), /\/help lists the commands$/);
      const outcome = run(here, typed.map((line) => `${line}\n`).join(''));
      assert.equal(outcome.status, 0, outcome.stdout);
      assert.equal(outcome.stdout.trim(), answers.join('\n').trim());
    });
  }
});
