/** The recent past of a table's interpolated words, to show others smoothly. */

import { resized, type TableState } from "./replica.ts";

enum Limit {
  /** Entries kept per row: over half a second at 30 Hz, even when every move is preceded by a rest. */
  depth = 32,
  /** A step this many times the largest one lately is a teleport, not a move. */
  teleportRatio = 4,
  /** Longer pauses of a far row are rests, not the pace of its news. */
  sparseTicks = 16,
  /** What a row's picture may move back or forth in time with one of its snapshots, in ticks. */
  sparseStep = 0.5,
}

export class History {
  readonly #state: TableState;
  readonly #words: number;
  #ticks = new Int32Array(0);
  #values = new Int32Array(0);
  /** Entries that nothing is interpolated into. */
  #jumps = new Uint8Array(0);
  #newest = new Uint8Array(0);
  #counts = new Uint8Array(0);
  /** Rows whose picture still moves. */
  #moving = new Uint8Array(0);
  #rows = 0;
  /** By how much more than others far rows are shown in the past, in ticks. */
  #behind = new Float32Array(0);
  /** Ticks between two news of a far row. */
  #sparseTicks = 0;
  /** Largest step per tick seen lately, in words. */
  #fastest = 0;
  readonly #posAt: number;
  readonly #teleport: number;

  /** teleport: world units per tick from which a step counts as a jump; 0: judged by what is usual in the table. */
  constructor(state: TableState, teleport: number) {
    this.#state = state;
    const { schema } = state;
    this.#words = schema.lerp.length;
    this.#posAt = schema.pos < 0 ? -1 : schema.lerp.indexOf(schema.fields[schema.pos].offset);
    this.#teleport = teleport * 65536;
  }

  /**
   * Takes down the rows that a snapshot touched. previous is the tick of the
   * snapshot before; with restart the past is forgotten.
   */
  record(tick: number, previous: number, restart: boolean, entityBefore: (row: number) => number): void {
    const state = this.#state;
    if (this.#words === 0) return;
    this.#grow();
    for (let i = 0; i < state.touchedCount; i++) {
      const row = state.touched[i];
      if (!state.alive[row]) {
        this.#counts[row] = 0;
        this.#moving[row] = 0;
        continue;
      }
      if (restart || entityBefore(row) !== state.entity(row)) {
        this.#counts[row] = 0;
        this.#behind[row] = 0;
      }
      this.#recordRow(row, tick, previous);
    }
    this.#fastest *= 0.999;
  }

  #recordRow(row: number, tick: number, previous: number): void {
    const state = this.#state;
    let at = row * Limit.depth + this.#newest[row];
    const known = this.#counts[row] > 0;
    const rested = known ? this.#restedUntil(row, tick, previous, this.#ticks[at]) : 0;
    if (known && this.#ticks[at] < rested) {
      // The row rested since its last entry: it starts to move from there.
      const from = at;
      at = this.#push(row, rested);
      this.#values.copyWithin(at * this.#words, from * this.#words, (from + 1) * this.#words);
    }
    const last = at;
    at = this.#push(row, tick);
    const { lerp, stride } = state.schema;
    for (let w = 0; w < this.#words; w++) this.#values[at * this.#words + w] = state.words[row * stride + lerp[w]];
    this.#jumps[at] = known && this.#jumped(last, at) ? 1 : 0;
    this.#moving[row] = 1;
  }

  /** Tick up to which a row that has news now was where its last entry says. Keeps far rows' pace in mind. */
  #restedUntil(row: number, tick: number, previous: number, last: number): number {
    const sparse = this.#state.sparse[row] === 1;
    const wasSparse = this.#behind[row] > 0;
    if (sparse && tick - last <= Limit.sparseTicks) this.#sparseTicks = Math.max(this.#sparseTicks * 0.99, tick - last);
    const late = sparse ? Math.max(0, this.#sparseTicks - (tick - previous)) : 0;
    this.#behind[row] += Math.min(Math.max(late - this.#behind[row], -Limit.sparseStep), Limit.sparseStep);
    return sparse || wasSparse ? tick - Math.ceil(this.#sparseTicks || Limit.sparseTicks) : previous;
  }

  #push(row: number, tick: number): number {
    this.#newest[row] = (this.#newest[row] + 1) % Limit.depth;
    if (this.#counts[row] < Limit.depth) this.#counts[row]++;
    const at = row * Limit.depth + this.#newest[row];
    this.#ticks[at] = tick;
    this.#jumps[at] = 0;
    return at;
  }

  #jumped(from: number, to: number): boolean {
    if (this.#posAt < 0) return false;
    const a = from * this.#words + this.#posAt;
    const b = to * this.#words + this.#posAt;
    const dx = this.#values[b] - this.#values[a];
    const dy = this.#values[b + 1] - this.#values[a + 1];
    const step = Math.sqrt(dx * dx + dy * dy) / Math.max(1, this.#ticks[to] - this.#ticks[from]);
    if (this.#teleport > 0) return step > this.#teleport;
    const limit = this.#fastest * Limit.teleportRatio;
    const jump = limit > 0 && step > limit;
    this.#fastest = Math.max(this.#fastest, jump ? limit : step);
    return jump;
  }

  /** Writes the picture of a tick (continuous) for all rows that move, except those that skip. */
  sample(tick: number, picture: Int32Array, skip: Uint8Array | undefined): void {
    if (this.#words === 0) return;
    const high = Math.min(this.#state.high, this.#rows);
    for (let row = 0; row < high; row++) {
      if (this.#moving[row] && !skip?.[row]) this.#sampleRow(row, tick - this.#behind[row], picture);
    }
  }

  #sampleRow(row: number, tick: number, picture: Int32Array): void {
    const first = row * Limit.depth;
    let place = this.#newest[row];
    let next = -1;
    for (let n = this.#counts[row]; n > 1 && this.#ticks[first + place] > tick; n--) {
      next = place;
      place = (place + Limit.depth - 1) % Limit.depth;
    }
    const a = first + place;
    const { lerp, lerpAngle, stride } = this.#state.schema;
    const base = row * stride;
    if (next < 0) this.#moving[row] = 0;
    const b = first + next;
    const span = next < 0 || this.#jumps[b] ? 0 : this.#ticks[b] - this.#ticks[a];
    const part = span > 0 ? Math.min(Math.max((tick - this.#ticks[a]) / span, 0), 1) : 0;
    for (let w = 0; w < this.#words; w++) {
      const from = this.#values[a * this.#words + w];
      const move = part === 0 ? 0 : difference(from, this.#values[b * this.#words + w], lerpAngle[w] !== 0) * part;
      picture[base + lerp[w]] = from + Math.round(move);
    }
  }

  #grow(): void {
    const { rows } = this.#state;
    if (rows <= this.#rows) return;
    this.#ticks = resized(this.#ticks, rows * Limit.depth);
    this.#values = resized(this.#values, rows * Limit.depth * this.#words);
    this.#jumps = resized(this.#jumps, rows * Limit.depth);
    this.#newest = resized(this.#newest, rows);
    this.#counts = resized(this.#counts, rows);
    this.#moving = resized(this.#moving, rows);
    this.#behind = resized(this.#behind, rows);
    this.#rows = rows;
  }
}

/** From one word to another; for angles the short way round, 65536 to the turn. */
export function difference(from: number, to: number, angle: boolean): number {
  return angle ? ((to - from + 32768) & 65535) - 32768 : (to - from) | 0;
}
