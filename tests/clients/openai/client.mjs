// OpenAI's client library from where run.sh has installed it, and what every test here asks for.
import { createRequire } from 'node:module';
import path from 'node:path';

const modules = process.env.HADAL_CLIENT_MODULES;
if (!modules) throw new Error('HADAL_CLIENT_MODULES names no folder; run the tests with ctest');
const library = createRequire(path.join(modules, 'package.json'))('openai');

export const { OpenAI } = library;

// Served under a name with a slash, as the released checkpoints are called.
export const MODEL = 'deepseek-ai/DeepSeek-V4-Flash';
export const SERVE = ['--name', MODEL];

// Failures show at once: tests that are about retries ask for them.
export function connect(server, options = {}) {
  return new OpenAI({
    baseURL: `${server.url}/v1`,
    apiKey: 'unused',
    maxRetries: 0,
    timeout: 120_000,
    ...options,
  });
}

export const NOTES =
  'Here are my notes. The code for the blue door is 4821. Anna lives in Lisbon. We drank tea and ' +
  'talked for an hour. The key is under the stairs. Victor has a white owl. The meeting with Rosa ' +
  'is on Friday.';
export const QUESTION = {
  model: MODEL,
  temperature: 0,
  messages: [{ role: 'user', content: `${NOTES} What is the code for the blue door?` }],
};
export const ANSWER = 'The code for the blue door is 4821.';

// An answer that goes on to the end of the context: the token that ends answers is never chosen.
const END_OF_SENTENCE = 1;
export const ENDLESS = { ...QUESTION, logit_bias: { [END_OF_SENTENCE]: -100 } };

export async function collect(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
}

// The text of one field of all deltas.
export function joined(chunks, field = 'content') {
  return chunks.map((chunk) => chunk.choices[0]?.delta?.[field] ?? '').join('');
}
