/**
 * The game's own rules, compiled from Go to a WebAssembly reactor (wasip1), so
 * that a player's ship moves in the page exactly as it will on the server.
 */

import { ErrorCode, TactusError } from "./errors.ts";
import type { Rules, RulesConfig } from "./api/match.ts";

interface Exports {
  memory: WebAssembly.Memory;
  _initialize?(): void;
  tactus_buffer(bytes: number): number;
  tactus_init(length: number): number;
  tactus_schema(): number;
  tactus_words(table: number): number;
  tactus_put(table: number, row: number, generation: number): void;
  tactus_remove(table: number, row: number): void;
  tactus_clear(): void;
  tactus_predict(tick: number, slot: number, count: number): number;
}

/** A compiled module by its URL: matches of one page share it. */
const modules = new Map<string, Promise<WebAssembly.Module>>();

/**
 * Compiles rules ahead of a match, so that they are there when it starts. A
 * failed download is forgotten and tried again by the next call.
 */
export function compileRules(url: string | URL): Promise<WebAssembly.Module> {
  const key = String(url);
  let module = modules.get(key);
  if (!module) {
    module = compile(key);
    modules.set(key, module);
    module.catch(() => modules.delete(key));
  }
  return module;
}

async function compile(url: string): Promise<WebAssembly.Module> {
  const response = await fetch(url);
  if (!response.ok) throw new TactusError(ErrorCode.rules, `the rules at ${url} answered HTTP ${response.status}`);
  const type = response.headers.get("content-type") ?? "";
  if (type.startsWith("application/wasm") && WebAssembly.compileStreaming)
    return WebAssembly.compileStreaming(response);
  return WebAssembly.compile(await response.arrayBuffer());
}

/** Starts an instance of compiled rules for one match. */
export async function loadRules(module: WebAssembly.Module, config: RulesConfig): Promise<Rules> {
  const host = new Host();
  const instance = await WebAssembly.instantiate(module, { wasi_snapshot_preview1: host.imports(module) });
  config.signal?.throwIfAborted();
  return new WasmRules(instance.exports as unknown as Exports, host, config);
}

class WasmRules implements Rules {
  readonly schemaHash: number;
  readonly #exports: Exports;
  readonly #sizes: readonly number[];
  readonly #views: (Int32Array | undefined)[] = [];
  #buffer: ArrayBuffer | undefined;
  #scratch = new Int32Array(0);

  constructor(exports: Exports, host: Host, config: RulesConfig) {
    this.#exports = exports;
    this.#sizes = config.tableWords;
    host.memory = exports.memory;
    exports._initialize?.();
    this.#init(config);
    this.schemaHash = exports.tactus_schema() >>> 0;
  }

  #init({ game, mode, options }: RulesConfig): void {
    const lines = [game, mode, ...Object.keys(options).map((name) => `${name}=${options[name]}`)];
    const text = new TextEncoder().encode(lines.map((line) => `${line}\n`).join(""));
    const at = this.#exports.tactus_buffer(Math.max(text.length, 1024));
    new Uint8Array(this.#exports.memory.buffer, at, text.length).set(text);
    this.#check(this.#exports.tactus_init(text.length), "refused the match");
  }

  /** Throws when a call left an error text of that length in the buffer. */
  #check(length: number, what: string): void {
    if (length <= 0) return;
    const at = this.#exports.tactus_buffer(length);
    const why = new Uint8Array(this.#exports.memory.buffer, at, length);
    throw new TactusError(ErrorCode.rules, `the rules ${what}: ${new TextDecoder().decode(why)}`);
  }

  words(table: number): Int32Array {
    const { memory } = this.#exports;
    if (memory.buffer !== this.#buffer) {
      // The memory grew, which detached every view of it.
      this.#buffer = memory.buffer;
      this.#views.length = 0;
    }
    let view = this.#views[table];
    if (!view) {
      const at = this.#exports.tactus_words(table);
      if (at === 0) throw new TactusError(ErrorCode.rules, `the rules have no table ${table}`);
      view = this.#views[table] = new Int32Array(memory.buffer, at, this.#sizes[table]);
    }
    return view;
  }

  put(table: number, row: number, generation: number): void {
    this.#exports.tactus_put(table, row, generation);
  }

  remove(table: number, row: number): void {
    this.#exports.tactus_remove(table, row);
  }

  clear(): void {
    this.#exports.tactus_clear();
  }

  predict(tick: number, slot: number, inputs: Int32Array, count: number): boolean {
    const at = this.#exports.tactus_buffer(inputs.byteLength);
    if (
      this.#scratch.byteOffset !== at ||
      this.#scratch.buffer !== this.#exports.memory.buffer ||
      this.#scratch.length < inputs.length
    ) {
      this.#scratch = new Int32Array(this.#exports.memory.buffer, at, inputs.length);
    }
    this.#scratch.set(inputs);
    const answer = this.#exports.tactus_predict(tick, slot, count);
    this.#check(answer, `failed at tick ${tick}`);
    return answer === 0;
  }
}

const wasiOk = 0;
const wasiBadDescriptor = 8;
const wasiNoSystemCall = 52;

/**
 * As much of WASI preview 1 (github.com/WebAssembly/WASI, witx) as the Go
 * runtime asks for in rules that do no I/O: clocks, randomness for map seeds,
 * and standard error for a panic's text.
 */
class Host {
  memory: WebAssembly.Memory | undefined;
  #line = "";

  /** The functions that the module imports; unknown ones answer that there is no such call. */
  imports(module: WebAssembly.Module): WebAssembly.ModuleImports {
    const known: Record<string, (...args: never[]) => number | void> = {
      args_sizes_get: this.#none,
      args_get: () => wasiOk,
      environ_sizes_get: this.#none,
      environ_get: () => wasiOk,
      clock_time_get: this.#clock,
      random_get: this.#random,
      fd_write: this.#write,
      fd_fdstat_get: () => wasiBadDescriptor,
      fd_prestat_get: () => wasiBadDescriptor,
      sched_yield: () => wasiOk,
      poll_oneoff: this.#poll,
      proc_exit: (code: number) => {
        throw new TactusError(ErrorCode.rules, `the rules ended with code ${code}: ${this.#line}`);
      },
    };
    const out: WebAssembly.ModuleImports = {};
    for (const { module: from, name, kind } of WebAssembly.Module.imports(module)) {
      if (from === "wasi_snapshot_preview1" && kind === "function") out[name] = known[name] ?? (() => wasiNoSystemCall);
    }
    return out;
  }

  #view(): DataView {
    return new DataView(this.memory!.buffer);
  }

  #none = (count: number, bytes: number): number => {
    this.#view().setUint32(count, 0, true);
    this.#view().setUint32(bytes, 0, true);
    return wasiOk;
  };

  #clock = (_id: number, _precision: bigint, out: number): number => {
    this.#view().setBigUint64(out, BigInt(Math.round(performance.now() * 1e6)), true);
    return wasiOk;
  };

  #random = (at: number, length: number): number => {
    crypto.getRandomValues(new Uint8Array(this.memory!.buffer, at, length));
    return wasiOk;
  };

  /** Every wait ends immediately: rules never wait, and the runtime only polls for its own timers. */
  #poll = (subscriptions: number, events: number, count: number, out: number): number => {
    const view = this.#view();
    for (let i = 0; i < count; i++) {
      view.setBigUint64(events + i * 32, view.getBigUint64(subscriptions + i * 48, true), true);
      view.setUint32(events + i * 32 + 8, 0, true);
    }
    view.setUint32(out, count, true);
    return wasiOk;
  };

  #write = (fd: number, vectors: number, count: number, out: number): number => {
    if (fd !== 1 && fd !== 2) return wasiBadDescriptor;
    const view = this.#view();
    let total = 0;
    for (let i = 0; i < count; i++) {
      const at = view.getUint32(vectors + i * 8, true);
      const length = view.getUint32(vectors + i * 8 + 4, true);
      total += length;
      this.#line = (this.#line + new TextDecoder().decode(new Uint8Array(this.memory!.buffer, at, length))).slice(-400);
    }
    view.setUint32(out, total, true);
    return wasiOk;
  };
}
