/**
 * The client's copy of what the server lets it see: snapshots are applied to
 * tables of 32-bit words with the layout of the rules' own memory
 * (docs/protocol.md, sections 4 to 6).
 */

import { MalformedError, type Reader } from "./msgpack.ts";
import type { Column, Schema, TableSchema } from "./schema.ts";

enum Flag {
  keyframe = 1,
  diff = 2,
  hash = 4,
  dilated = 8,
}

enum Limit {
  /** Added to the table's index at the head of a block whose groups hold values, whatever the snapshot's flags say. */
  absoluteBlock = 32,
  /** Rows are made room for in steps, since few tables are ever full. */
  firstRows = 16,
}

/** The rows of one table. */
export class TableState {
  readonly schema: TableSchema;
  readonly index: number;
  /** Room for so many rows; grows up to the capacity. */
  rows = 0;
  words = new Int32Array(0);
  alive = new Uint8Array(0);
  generations = new Uint16Array(0);
  /** Rows in a far part of the map, whose news come less often than with every snapshot. */
  sparse = new Uint8Array(0);
  /** No row at or above it is alive. */
  high = 0;
  /** Indices that the last snapshot changed, touchedCount of them, each once. */
  touched = new Uint16Array(0);
  touchedCount = 0;
  #marked = new Uint8Array(0);

  constructor(schema: TableSchema, index: number) {
    this.schema = schema;
    this.index = index;
  }

  /** Entity id of the row, 0 when there is none. */
  entity(row: number): number {
    return row < this.rows && this.alive[row] ? ((this.generations[row] << 16) | row) >>> 0 : 0;
  }

  /** Forgets which rows were touched. */
  endSnapshot(): void {
    for (let i = 0; i < this.touchedCount; i++) this.#marked[this.touched[i]] = 0;
    this.touchedCount = 0;
  }

  touch(row: number): void {
    if (this.#marked[row]) return;
    this.#marked[row] = 1;
    this.touched[this.touchedCount++] = row;
  }

  put(row: number, generation: number): void {
    if (row >= this.rows) this.#grow(row + 1);
    this.touch(row);
    this.alive[row] = 1;
    this.sparse[row] = 0;
    this.generations[row] = generation;
    this.#clearRow(row);
    if (row >= this.high) this.high = row + 1;
  }

  remove(row: number): void {
    if (row >= this.rows || !this.alive[row]) return;
    this.touch(row);
    this.alive[row] = 0;
    this.#clearRow(row);
    while (this.high > 0 && !this.alive[this.high - 1]) this.high--;
  }

  #clearRow(row: number): void {
    const stride = this.schema.stride;
    this.words.fill(0, row * stride, row * stride + stride);
  }

  #grow(want: number): void {
    const { capacity, stride, name } = this.schema;
    if (want > capacity) throw new MalformedError(`row ${want - 1} is beyond table ${name}`);
    const rows = Math.min(capacity, Math.max(want, this.rows * 2, Limit.firstRows));
    this.words = resized(this.words, rows * stride);
    this.alive = resized(this.alive, rows);
    this.generations = resized(this.generations, rows);
    this.sparse = resized(this.sparse, rows);
    this.touched = resized(this.touched, rows);
    this.#marked = resized(this.#marked, rows);
    this.rows = rows;
  }
}

/** A larger copy of an array. */
export function resized<T extends Int32Array | Uint8Array | Uint16Array | Float32Array>(from: T, length: number): T {
  const to = new (from.constructor as new (length: number) => T)(length);
  to.set(from);
  return to;
}

/** An event as it came: the words of its row. */
export interface RawEvent {
  seq: number;
  tick: number;
  table: number;
  words: Int32Array;
}

/** All tables, and the header of the last snapshot. */
export class Replica {
  readonly schema: Schema;
  readonly tables: TableState[];
  /** Tick that the state is after; 0 before the first keyframe. */
  tick = 0;
  gap = 0;
  ack = 0;
  slack = 0;
  keyframe = false;
  /** Percent of normal speed that the server's clock runs at. */
  percent = 100;
  /** Whether the last snapshot carried a hash. */
  hashed = false;
  /** Newest event seen. */
  eventSeq = 0;
  /** Events that the last snapshot brought, new ones only. */
  readonly events: RawEvent[] = [];
  /** Called before a row's words go, so that they can still be shown. */
  onDrop: (table: TableState, row: number) => void = () => {};
  #left = 0;

  constructor(schema: Schema) {
    this.schema = schema;
    this.tables = schema.tables.map((t, i) => new TableState(t, i));
  }

  /**
   * Applies a snapshot, of which the reader has read the array header and the
   * type. It returns "gap" when the snapshot does not follow the last
   * one, "hash" when the state is not what the server says, and "ok"; "gap"
   * leaves the state as it was. Malformed bytes throw and spoil it.
   */
  apply(r: Reader): "ok" | "gap" | "hash" {
    const tick = r.int();
    this.gap = r.int();
    this.ack = r.int();
    this.slack = r.int();
    const flags = r.int();
    this.keyframe = (flags & Flag.keyframe) !== 0;
    if (!this.keyframe && (this.tick === 0 || tick - this.gap !== this.tick)) return "gap";
    for (const t of this.tables) t.endSnapshot();
    if (this.keyframe) this.#clear();
    this.#section(r, 0, flags);
    this.#section(r, 1, flags);
    this.#section(r, 2, flags);
    this.#readEvents(r);
    this.tick = tick;
    this.hashed = (flags & Flag.hash) !== 0;
    const hash = this.hashed && r.int();
    this.percent = flags & Flag.dilated ? r.int() : 100;
    return this.hashed && hash !== this.hash() ? "hash" : "ok";
  }

  /** Hash of the state, to compare with the server's (section 6). */
  hash(): number {
    let a = 0x54414354;
    let n = 0;
    const word = (w: number) => {
      const k = Math.imul(w, 0xcc9e2d51);
      const x = a ^ Math.imul((k << 15) | (k >>> 17), 0x1b873593);
      a = (Math.imul((x << 13) | (x >>> 19), 5) + 0xe6546b64) | 0;
      n++;
    };
    for (const t of this.tables) {
      const stride = t.schema.stride;
      for (let row = 0; row < t.high; row++) {
        if (!t.alive[row]) continue;
        word(t.index);
        word(t.entity(row));
        for (let i = row * stride; i < row * stride + stride; i++) word(t.words[i]);
      }
    }
    let x = a ^ n;
    x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
    x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
    return (x ^ (x >>> 16)) >>> 0;
  }

  #clear(): void {
    for (const t of this.tables) {
      for (let row = t.high - 1; row >= 0; row--) this.#drop(t, row);
    }
  }

  #drop(t: TableState, row: number): void {
    if (row >= t.rows || !t.alive[row]) return;
    this.onDrop(t, row);
    t.remove(row);
  }

  /** The next int of the section's flat array. */
  #next(r: Reader): number {
    if (--this.#left < 0) throw new MalformedError("section ends early");
    return r.int();
  }

  /** The rows between the last one of a list and the next. */
  #gap(r: Reader): number {
    const gap = this.#next(r);
    if (gap < 0) throw new MalformedError("rows run backwards");
    return gap;
  }

  #section(r: Reader, which: 0 | 1 | 2, flags: number): void {
    this.#left = r.array();
    const diff = (flags & Flag.diff) !== 0;
    while (this.#left > 0) {
      const head = this.#next(r);
      const absolute = head >= Limit.absoluteBlock;
      const t = this.tables[absolute ? head - Limit.absoluteBlock : head];
      if (!t) throw new MalformedError("unknown table");
      const columns = t.schema.columns[which];
      this.#removed(r, t);
      this.#born(r, t, columns);
      for (let groups = this.#next(r); groups > 0; groups--) this.#group(r, t, columns, diff, absolute);
    }
  }

  #removed(r: Reader, t: TableState): void {
    let row = -1;
    for (let n = this.#next(r); n > 0; n--) {
      row += 1 + this.#gap(r);
      this.#drop(t, row);
    }
  }

  #born(r: Reader, t: TableState, columns: Column[]): void {
    let row = -1;
    for (let n = this.#next(r); n > 0; n--) {
      row += 1 + this.#gap(r);
      const generation = this.#next(r);
      // With the same generation it is the same entity: its words come again.
      if (t.generations[row] !== generation) this.#drop(t, row);
      t.put(row, generation);
      for (const c of columns) this.#column(r, t, row, c, false);
    }
  }

  #group(r: Reader, t: TableState, columns: Column[], diff: boolean, absolute: boolean): void {
    const mask = this.#next(r);
    let row = -1;
    for (let n = this.#next(r); n > 0; n--) {
      row += 1 + this.#gap(r);
      const known = row < t.rows && t.alive[row] === 1;
      if (known) {
        t.touch(row);
        t.sparse[row] = absolute ? 1 : 0;
      }
      for (let i = 0; i < columns.length; i++) {
        if (((mask >>> i) & 1) === 0) continue;
        if (known) this.#column(r, t, row, columns[i], diff && !absolute);
        else for (let w = columns[i].words; w > 0; w--) this.#next(r);
      }
    }
  }

  #column(r: Reader, t: TableState, row: number, c: Column, diff: boolean): void {
    const words = t.words;
    const low = (1 << c.quant) - 1;
    let at = row * t.schema.stride + c.offset;
    for (const end = at + c.words; at < end; at++) {
      const v = this.#next(r);
      const old = words[at];
      if (c.quant === 0) words[at] = diff ? old + v : v;
      else if (c.low) words[at] = (old & ~low) | ((diff ? (old & low) + v : v) & low);
      else words[at] = ((diff ? (old >> c.quant) + v : v) << c.quant) | (old & low);
    }
  }

  #readEvents(r: Reader): void {
    this.events.length = 0;
    for (let n = r.array(); n > 0; n--) {
      let left = r.array() - 3;
      const seq = r.int();
      const tick = r.int();
      const table = r.int();
      const schema = this.schema.events[table];
      if (!schema) throw new MalformedError("unknown event table");
      const words = new Int32Array(schema.stride);
      for (let i = 0; left > 0; left--, i++) {
        const w = r.int();
        if (i < words.length) words[i] = w;
      }
      // A resumed session may send again what had come before the line broke.
      if (seq <= this.eventSeq) continue;
      this.eventSeq = seq;
      this.events.push({ seq, tick, table, words });
    }
  }
}
