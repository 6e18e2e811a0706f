// Sweeps of real servers: killed at any moment they end complete, with no run lost or doubled.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test, { after } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Server } from '../support/server.mjs';

const hadal = process.env.HADAL_BINARY;
const folder = mkdtempSync(path.join(os.tmpdir(), 'hadal-sweep-'));
const started = [];
after(async () => {
  for (const server of started) await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function startServer() {
  const server = await Server.start();
  started.push(server);
  return server;
}

const WORKLOADS = `
[[workload]]
name = "short"
workload = "32:8"
concurrency = [1, 2]
requests = 4
warm_up = 0
seed = 7

[[workload]]
name = "long"
workload = "64:16"
concurrency = [2, 4]
requests = 6
warm_up = 0
seed = 7
`;

// Of fixed arrivals, so that a run takes 1.5 s on whatever machine: a quick one is killed too.
const PACED_WORKLOADS = `
[[workload]]
name = "short"
workload = "32:8"
rate = [8, 16]
arrivals = "constant"
requests = 8
warm_up = 0
seed = 7

[[workload]]
name = "long"
workload = "64:16"
rate = [6, 12]
arrivals = "constant"
requests = 6
warm_up = 0
seed = 7
`;

function planFile(name, endpoints, workloads = WORKLOADS) {
  const file = path.join(folder, `${name}.toml`);
  writeFileSync(file, `name = "${name}"\n${endpoints}\n${workloads}`);
  return file;
}

function run(...words) {
  const done = spawnSync(hadal, words, { encoding: 'utf8' });
  return { status: done.status, out: done.stdout, err: done.stderr };
}

function runsOf(store) {
  const listed = JSON.parse(run('measure', 'runs', 'list', '--store', store, '--last', '1000', '--json').out).runs;
  return listed.map((entry) => JSON.parse(run('measure', 'runs', 'show', entry.run_id ?? entry.id, '--store', store, '--json').out));
}

// Numbers of a seed, so that a failure can be met again: mulberry32.
function randomNumbers(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

test('a sweep of two servers that is killed ten times ends complete, with nothing lost or doubled', async () => {
  const servers = [await startServer(), await startServer()];
  const store = path.join(folder, 'killed.sqlite');
  const plan = planFile('killed', servers.map((server, i) => `[[endpoint]]\nname = "server-${i}"\nurl = "${server.url}"\ngpus = 1\n`).join('\n'), PACED_WORKLOADS);
  const random = randomNumbers(20260801);
  let kills = 0;
  for (let i = 0; i < 10; i++) {
    const child = spawn(hadal, ['measure', 'sweep', plan, '--store', store], { stdio: 'ignore' });
    const ended = new Promise((resolve) => child.once('exit', (code, signal) => resolve(signal)));
    await Promise.race([sleep(50 + random() * 2200), ended]);
    child.kill('SIGKILL');
    if ((await ended) === 'SIGKILL') kills++;
  }
  assert.ok(kills >= 5, `only ${kills} kills met a sweep at work`);
  const last = run('measure', 'sweep', plan, '--store', store);
  assert.equal(last.status, 0, last.err);
  assert.match(last.out, /killed: 4 of 4 measured/);
  const complete = runsOf(store).filter((entry) => entry.state === 'complete');
  assert.deepEqual(complete.map((entry) => entry.label).sort(), ['killed/server-0/long', 'killed/server-0/short', 'killed/server-1/long', 'killed/server-1/short']);
  assert.equal(new Set(complete.map((entry) => entry.plan.mark)).size, 4);
  for (const entry of complete) assert.equal(entry.points.length, 2);
  // Whoever was killed in the middle is told as such.
  for (const entry of runsOf(store)) assert.ok(['complete', 'partial'].includes(entry.state), entry.state);
  const again = run('measure', 'sweep', plan, '--store', store);
  assert.match(again.out, /4 of 4 measured \(0 of them now\)/);
  assert.equal(runsOf(store).filter((entry) => entry.state === 'complete').length, 4);
});

function recipe(name, text) {
  writeFileSync(path.join(folder, `${name}.toml`), `schema = "hadal.recipe/1"\nengine = "hadal"\n${text}`);
  return `${name}.toml`;
}

// A port that was free a moment ago.
async function freePort() {
  const server = await startServer();
  const port = server.port;
  await server.stop();
  return port;
}

test('engines of recipes are started, waited for, measured and stopped', async () => {
  const store = path.join(folder, 'recipe.sqlite');
  const port = await freePort();
  recipe('nano', `command = ["{program}", "serve", "--port", "{port}"]\n[variables]\nprogram = ""\nport = "1"\n[ready]\npath = "/health"\nseconds = 120\n[version]\ncommand = ["{program}", "--version"]\n`);
  const plan = planFile('recipes', `[[endpoint]]\nname = "nano"\nrecipe = "nano.toml"\nvariables = { program = "${hadal}", port = ${port} }\n`);
  const dry = run('measure', 'sweep', plan, '--store', store, '--dry-run');
  assert.equal(dry.status, 0, dry.err);
  assert.match(dry.err, /to be measured: recipes\/nano\/short/);
  const done = run('measure', 'sweep', plan, '--store', store);
  assert.equal(done.status, 0, done.err);
  assert.match(done.err, /nano is ready after/);
  const runs = runsOf(store);
  assert.equal(runs.length, 2);
  for (const entry of runs) {
    assert.equal(entry.target.engine, 'hadal');
    assert.match(entry.provenance.server.launch_command, /serve --port/);
  }
  await assert.rejects(fetch(`http://127.0.0.1:${port}/health`));
  // Measured once: the engine is not even started again. Tracked: once a day.
  assert.doesNotMatch(run('measure', 'sweep', plan, '--store', store).err, /starting/);
  assert.match(run('measure', 'track', plan, '--store', store).out, /2 of 2 measured \(2 of them now\)/);
  assert.match(run('measure', 'track', plan, '--store', store).out, /2 of 2 measured \(0 of them now\)/);
});

test('an engine that never gets ready is a failed run with the reason', () => {
  const store = path.join(folder, 'unready.sqlite');
  recipe('dead', `command = ["sh", "-c", "echo no such device >&2; exit 3"]\nurl = "http://127.0.0.1:9"\n`);
  recipe('slow', `command = ["sleep", "60"]\nurl = "http://127.0.0.1:9"\n[ready]\nseconds = 1\n`);
  const plan = planFile('unready', '[[endpoint]]\nname = "dead"\nrecipe = "dead.toml"\ngpus = 8\nhardware = "b200"\n[[endpoint]]\nname = "slow"\nrecipe = "slow.toml"\n');
  const done = run('measure', 'track', plan, '--store', store);
  assert.equal(done.status, 3);
  assert.match(done.err, /dead: ended with status 3 before it was ready/);
  assert.match(done.err, /slow: was not ready within 1 s/);
  const runs = runsOf(store);
  assert.deepEqual([...new Set(runs.map((entry) => entry.state))], ['failed']);
  assert.equal(runs.length, 4);
  // It is tried again the next time.
  assert.equal(run('measure', 'track', plan, '--store', store).status, 3);
});

test('what is wrong in a plan is named by line or key', () => {
  const bad = (text) => {
    const file = path.join(folder, 'bad.toml');
    writeFileSync(file, text);
    const done = run('measure', 'sweep', file, '--store', path.join(folder, 'never.sqlite'));
    assert.equal(done.status, 2, done.err);
    return done.err;
  };
  assert.match(bad('name = "x"\n[[endpoint\n'), /bad\.toml.*line 2/);
  assert.match(bad('nmae = "x"\n'), /nmae.*name/);
  assert.match(bad('name = "x"\n[[endpoint]]\nname = "a"\nurl = "http://x"\nconcurency = 1\n'), /endpoint\[0\].*concurency/);
  assert.match(bad('name = "x"\n[[endpoint]]\nname = "a"\n'), /endpoint\[0\]\.url.*recipe/);
  assert.match(bad('name = "x"\n[[endpoint]]\nname = "a"\nurl = "http://x"\n'), /workload.*at least one/);
  assert.match(bad(`name = "x"\n[[endpoint]]\nname = "a"\nurl = "u"\n[[endpoint]]\nname = "a"\nurl = "u"\n${WORKLOADS}`), /two entries named/);
  assert.match(bad('name = "x"\n[[endpoint]]\nname = "a"\nrecipe = "none.toml"\n'), /none\.toml/);
});
