// A hadal server of a test's own, on a free port of this machine, and what its /metrics says.
import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';

const binary = process.env.HADAL_BINARY;
const START_LIMIT_MS = 120_000;
const STOP_LIMIT_MS = 10_000;
const POLL_MS = 10;

// Waits until `condition` returns something true, and returns that. The limit is far beyond what a
// loaded machine needs: it turns a hang into a failure.
export async function eventually(what, condition, limitMs = 60_000) {
  const deadline = Date.now() + limitMs;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > deadline) throw new Error(`waited in vain for: ${what}`);
    await sleep(POLL_MS);
  }
}

export class Server {
  #child;
  #log = '';
  #ended;

  // `options`: those of hadal serve, besides the port.
  static async start(options = []) {
    if (!binary) throw new Error('HADAL_BINARY names no program; run the tests with ctest');
    const server = new Server();
    server.#child = spawn(binary, ['serve', '--port', '0', ...options], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [server.#child.stdout, server.#child.stderr]) {
      stream.setEncoding('utf8');
      stream.on('data', (text) => (server.#log += text));
    }
    server.#ended = new Promise((resolve, reject) => {
      server.#child.on('error', reject);
      server.#child.on('close', (code, signal) => resolve({ code, signal }));
    });
    // Nothing outlives a test that breaks off.
    process.once('exit', () => server.#child.kill('SIGKILL'));
    let over = false;
    server.#ended.then(() => (over = true), () => (over = true));
    const address = / on (http:\/\/\S+)/;
    await eventually('the address in the log of hadal serve', () => {
      if (over) throw new Error(`hadal serve ended:\n${server.#log}`);
      return address.test(server.#log);
    }, START_LIMIT_MS);
    server.url = server.#log.match(address)[1];
    server.port = Number(new URL(server.url).port);
    return server;
  }

  get log() {
    return this.#log;
  }

  running() {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  // Ends it, and tells how it ended: {code, signal}. One that does not leave by itself is killed.
  async stop() {
    this.#child.kill('SIGTERM');
    const killer = globalThis.setTimeout(() => this.#child.kill('SIGKILL'), STOP_LIMIT_MS);
    const how = await this.#ended;
    clearTimeout(killer);
    return how;
  }

  // The sum of all samples of `name`, or the one with exactly these labels, as '{how="failed"}'.
  async metric(name, labels = '') {
    const text = await (await fetch(`${this.url}/metrics`)).text();
    let sum = 0;
    let found = false;
    for (const line of text.split('\n')) {
      const match = line.match(/^([a-zA-Z_:]+)(\{[^}]*\})? (\S+)$/);
      if (!match || match[1] !== name || (labels !== '' && match[2] !== labels)) continue;
      sum += Number(match[3]);
      found = true;
    }
    if (!found) throw new Error(`/metrics has no ${name}${labels}`);
    return sum;
  }

  async requestsUnderWay() {
    const running = await this.metric('hadal_requests_running');
    return running + (await this.metric('hadal_requests_waiting'));
  }
}
