// Runs calls against a game's WebAssembly build, as a page would.
//   node run.mjs FILE.wasm < calls.json
// A call is one of
//   {"text": "..."}                    writes UTF-8 into the buffer; gives its length
//   {"words": [1, 2]}                  writes 32-bit words into the buffer; gives 0
//   {"call": "tactus_init", "args": [5]}  calls an export; gives its result
//   {"row": [table, first, count]}     gives so many words of a table's memory
//   {"set": [table, first, word...]}   writes words of a table's memory; gives 0
//   {"read": 8}                        gives so many bytes of the buffer as text
//   {"hash": true}                     gives the buffer's first 64-bit number in hex
// The results are printed as one JSON array.
import { readFile } from "node:fs/promises";

const bytes = await readFile(process.argv[2]);
const module = await WebAssembly.compile(bytes);
let instance;

const memory = () => new DataView(instance.exports.memory.buffer);

// What the Go runtime needs of WASI: writing to standard error, a clock, random
// numbers for its maps. The rest answers that there is nothing.
const wasi = {
  fd_write(fd, vectors, count, written) {
    let total = 0;
    for (let i = 0; i < count; i++) {
      const at = memory().getUint32(vectors + 8 * i, true);
      const length = memory().getUint32(vectors + 8 * i + 4, true);
      process.stderr.write(new Uint8Array(instance.exports.memory.buffer, at, length).slice());
      total += length;
    }
    memory().setUint32(written, total, true);
    return 0;
  },
  clock_time_get(id, precision, at) {
    memory().setBigUint64(at, BigInt(Math.round(performance.now() * 1e6)), true);
    return 0;
  },
  random_get(at, length) {
    crypto.getRandomValues(new Uint8Array(instance.exports.memory.buffer, at, length));
    return 0;
  },
  args_sizes_get: emptyList,
  environ_sizes_get: emptyList,
  args_get: () => 0,
  environ_get: () => 0,
  sched_yield: () => 0,
  proc_exit(code) {
    throw new Error(`the rules' runtime exited with code ${code}`);
  },
};

function emptyList(count, size) {
  memory().setUint32(count, 0, true);
  memory().setUint32(size, 0, true);
  return 0;
}

const badFile = 8; // EBADF
const imports = {};
for (const { module: from, name } of WebAssembly.Module.imports(module)) {
  if (from !== "wasi_snapshot_preview1") throw new Error(`unknown import ${from}.${name}`);
  imports[name] = wasi[name] ?? (() => badFile);
}
instance = await WebAssembly.instantiate(module, { wasi_snapshot_preview1: imports });
instance.exports._initialize();
const rules = instance.exports;

const bufferBytes = 65536;

function write(data) {
  const at = rules.tactus_buffer(bufferBytes);
  new Uint8Array(rules.memory.buffer, at, data.length).set(data);
  return data.length;
}

function run(call) {
  if (call.text !== undefined) return write(new TextEncoder().encode(call.text));
  if (call.words !== undefined) {
    write(new Uint8Array(new Uint32Array(call.words).buffer));
    return 0;
  }
  if (call.read !== undefined) {
    return new TextDecoder().decode(new Uint8Array(rules.memory.buffer, rules.tactus_buffer(1), call.read).slice());
  }
  if (call.hash) return memory().getBigUint64(rules.tactus_buffer(1), true).toString(16).padStart(16, "0");
  if (call.row !== undefined) {
    const [table, first, count] = call.row;
    return [...new Uint32Array(rules.memory.buffer, rules.tactus_words(table) + 4 * first, count)];
  }
  if (call.set !== undefined) {
    const [table, first, ...words] = call.set;
    new Uint32Array(rules.memory.buffer, rules.tactus_words(table) + 4 * first, words.length).set(words);
    return 0;
  }
  return rules[call.call](...(call.args ?? [])) ?? 0;
}

let input = "";
for await (const chunk of process.stdin) input += chunk;
console.log(JSON.stringify(JSON.parse(input).map(run)));
