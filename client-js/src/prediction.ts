/**
 * The player's own rows, ahead of the server: the rules run in the page on the
 * last confirmed state and the inputs that it does not know yet. What they say
 * is the state that getters read; what was wrong about it is only ever smoothed
 * in the picture.
 */

import type { EntityTable } from "./entity.ts";
import { difference } from "./history.ts";
import type { Replica, TableState } from "./replica.ts";
import type { Rules } from "./api/match.ts";

/** Inputs remembered, a power of two; more than the server accepts ahead. */
const inputRing = 64;

/** More ticks than this are not predicted: the connection is as good as gone. */
const maxAhead = 40;

/** A picture's error is halved every so many milliseconds. */
const errorHalfLife = 50;

/** An error that the fastest own row would need so many ticks to travel is not smoothed: the row was put elsewhere. */
const maxErrorTicks = 12;

/** One of the player's own rows. */
interface OwnRow {
  table: TableState;
  row: number;
  entity: number;
  /** Words after the last due tick, and after the one that is under way. */
  due: Int32Array;
  next: Int32Array;
  /** Words after the last due tick, as they were before the last snapshot. */
  before: Int32Array;
  /** What the picture still owes to what was shown before, per interpolated word. */
  error: Float32Array;
  /** False until the words of a first prediction are there. */
  known: boolean;
  /** The row was drawn from the past until now: the first drawing ahead starts where it is shown. */
  catchUp: boolean;
}

export class Prediction {
  /** Last due tick that was predicted. */
  tick = 0;
  /** World units between what was predicted and what came, by the last snapshot. */
  error = 0;
  readonly #rules: Rules;
  readonly #replica: Replica;
  readonly #views: readonly EntityTable[];
  readonly #slot: number;
  /** Words per input, lag word first. */
  readonly #width: number;
  readonly #inputs: Int32Array;
  readonly #inputTicks = new Float64Array(inputRing).fill(-1);
  readonly #batch: Int32Array;
  readonly #single: Int32Array;
  #own: OwnRow[] = [];
  /** Rows of each table that are drawn by prediction rather than from the past. */
  readonly #skip: (Uint8Array | undefined)[] = [];
  /** Tables whose own rows the rules were seen to move. */
  readonly #moves: boolean[] = [];
  #failed = false;
  #lastFrame = 0;
  /** Longest way of an own row in one tick, in words. */
  #fastest = 0;

  constructor(rules: Rules, replica: Replica, views: readonly EntityTable[], slot: number) {
    this.#rules = rules;
    this.#replica = replica;
    this.#views = views;
    this.#slot = slot;
    this.#width = replica.schema.input.stride + 1;
    this.#inputs = new Int32Array(inputRing * this.#width);
    this.#batch = new Int32Array(maxAhead * this.#width);
    this.#single = new Int32Array(this.#width);
    this.#restart();
  }

  /** Whether own rows are ahead of the server. */
  get active(): boolean {
    return !this.#failed && this.#own.length > 0;
  }

  /** Rows of a table that the picture of the past leaves alone. */
  skips(table: number): Uint8Array | undefined {
    return this.#failed || !this.#moves[table] ? undefined : this.#skip[table];
  }

  /** Fills the rules' world with all that is known, when they arrive in the middle of a match. */
  #restart(): void {
    this.#rules.clear();
    for (const t of this.#replica.tables) {
      for (let row = 0; row < t.high; row++) if (t.alive[row]) this.#copyRow(t, row, true);
    }
    this.#findOwn();
    this.tick = this.#replica.tick;
    this.#rebuild(this.tick);
    for (const o of this.#own) o.catchUp = o.known = true;
  }

  #copyRow(t: TableState, row: number, fresh: boolean): void {
    if (fresh) this.#rules.put(t.index, row, t.generations[row]);
    const { stride } = t.schema;
    const base = row * stride;
    const to = this.#rules.words(t.index);
    for (let w = base; w < base + stride; w++) to[w] = t.words[w];
  }

  /** Remembers the input that was sent for a tick, which lies after all earlier ones. */
  remember(tick: number, lag: number, words: Int32Array): void {
    const at = (tick % inputRing) * this.#width;
    this.#inputs[at] = lag;
    this.#inputs.set(words, at + 1);
    this.#inputTicks[tick % inputRing] = tick;
  }

  /** Takes over a snapshot, and predicts the ticks after it again. */
  snapshot(): void {
    if (this.#failed) return;
    for (const t of this.#replica.tables) this.#copyTouched(t);
    for (const o of this.#own) {
      o.before.set(o.due);
    }
    // A prediction may have changed own rows that this snapshot says nothing about.
    for (const o of this.#own) if (o.table.entity(o.row) === o.entity) this.#copyRow(o.table, o.row, false);
    this.#findOwn();
    if (this.tick < this.#replica.tick || this.tick > this.#replica.tick + maxAhead) this.tick = this.#replica.tick;
    this.#rebuild(this.tick);
    this.#takeError();
  }

  #copyTouched(t: TableState): void {
    for (let i = 0; i < t.touchedCount; i++) {
      const row = t.touched[i];
      if (t.alive[row]) this.#copyRow(t, row, true);
      else this.#rules.remove(t.index, row);
    }
  }

  /** Lists the rows in which the player's slot is named, keeping those that were known. */
  #findOwn(): void {
    const old = this.#own;
    this.#own = [];
    for (const t of this.#replica.tables) {
      const { slot, fields, stride } = t.schema;
      if (slot < 0) continue;
      const offset = fields[slot].offset;
      let skip = this.#skip[t.index];
      if (!skip || skip.length < t.rows) skip = this.#skip[t.index] = new Uint8Array(t.rows);
      skip.fill(0);
      for (let row = 0; row < t.high; row++) {
        if (!t.alive[row] || t.words[row * stride + offset] !== this.#slot) continue;
        skip[row] = 1;
        const entity = t.entity(row);
        this.#own.push(old.find((o) => o.table === t && o.entity === entity) ?? newOwnRow(t, row, entity));
      }
    }
  }

  /** Predicts from the confirmed state to the tick; own rows in the rules hold confirmed words. */
  #rebuild(tick: number): void {
    const first = this.#replica.tick + 1;
    const count = tick - this.#replica.tick;
    if (count > 0) {
      for (let i = 0; i < count; i++) this.#batch.set(this.#inputOf(first + i), i * this.#width);
      this.#run(first, this.#batch.subarray(0, count * this.#width), count);
    }
    this.#read("due");
    for (const o of this.#own) if (!this.#moves[o.table.index]) this.#moves[o.table.index] = this.#moved(o);
  }

  #moved({ table, row, due }: OwnRow): boolean {
    const base = row * table.schema.stride;
    return table.schema.lerp.some((w) => due[w] !== table.words[base + w]);
  }

  /** The input in effect at a tick: the last one that was for it or an earlier one. */
  #inputOf(tick: number): Int32Array {
    for (let t = tick; t > tick - inputRing && t >= 0; t--) {
      const place = t % inputRing;
      if (this.#inputTicks[place] === t) return this.#inputs.subarray(place * this.#width, (place + 1) * this.#width);
    }
    return this.#single.fill(0);
  }

  #run(tick: number, inputs: Int32Array, count: number): void {
    if (this.#failed) return;
    try {
      this.#failed = !this.#rules.predict(tick, this.#slot, inputs, count);
    } catch (error) {
      this.#failed = true;
      console.error("Tactus: prediction stopped,", error);
    }
  }

  #read(into: "due" | "next"): void {
    for (const o of this.#own) {
      const { stride } = o.table.schema;
      const base = o.row * stride;
      const from = this.#rules.words(o.table.index);
      const to = o[into];
      for (let w = 0; w < stride; w++) to[w] = from[base + w];
    }
  }

  #write(): void {
    for (const o of this.#own) {
      const to = this.#rules.words(o.table.index);
      to.set(o.due, o.row * o.table.schema.stride);
    }
  }

  /** Puts the difference between the old and the new prediction of the same tick into the picture's error. */
  #takeError(): void {
    let worst = 0;
    for (const o of this.#own) {
      if (!o.known) {
        o.known = true;
        continue;
      }
      const { lerp, lerpAngle, pos, fields } = o.table.schema;
      let distance = 0;
      for (let i = 0; i < lerp.length; i++) {
        const d = difference(o.due[lerp[i]], o.before[lerp[i]], lerpAngle[i] !== 0);
        o.error[i] += d;
        const axis = pos < 0 ? -1 : lerp[i] - fields[pos].offset;
        if (axis === 0 || axis === 1) distance = Math.hypot(distance, d);
      }
      if (distance > this.#fastest * maxErrorTicks) o.error.fill(0);
      worst = Math.max(worst, distance / 65536);
    }
    this.error = worst;
  }

  /** Jumps to a tick without predicting those between, after a gap in time. */
  jump(tick: number): void {
    this.tick = Math.max(this.#replica.tick, Math.min(tick, this.#replica.tick + maxAhead));
    if (this.#failed) return;
    for (const o of this.#own) this.#copyRow(o.table, o.row, false);
    this.#rebuild(this.tick);
  }

  /** Predicts the next due tick, whose input was remembered. */
  step(): void {
    if (this.#failed || this.tick - this.#replica.tick >= maxAhead) return;
    this.tick++;
    this.#write();
    this.#run(this.tick, this.#inputOf(this.tick), 1);
    this.#read("due");
  }

  /**
   * Draws the own rows at a part (0 to 1) of the tick under way, in which the
   * player wants the given input.
   */
  draw(now: number, part: number, lag: number, words: Int32Array): void {
    if (this.#failed || this.#own.length === 0) return;
    this.#single[0] = lag;
    this.#single.set(words, 1);
    this.#write();
    this.#run(this.tick + 1, this.#single, 1);
    if (this.#failed) return;
    this.#read("next");
    const decay = 0.5 ** (Math.max(0, now - this.#lastFrame) / errorHalfLife);
    this.#lastFrame = now;
    for (const o of this.#own) this.#drawRow(o, part, decay);
  }

  #drawRow(o: OwnRow, part: number, decay: number): void {
    const { schema, index } = o.table;
    const { picture, plainWords } = this.#views[index];
    const base = o.row * schema.stride;
    for (const w of plainWords) picture[base + w] = o.next[w];
    if (!this.#moves[index]) {
      // Until the rules are seen to move rows of this table, they are drawn from the past like others'.
      if (!schema.lerp.some((w) => o.next[w] !== o.due[w])) return;
      this.#moves[index] = true;
      o.catchUp = true;
    }
    this.#measure(o);
    if (o.catchUp) {
      o.catchUp = false;
      schema.lerp.forEach((w, i) => (o.error[i] = difference(o.due[w], picture[base + w], schema.lerpAngle[i] !== 0)));
    }
    for (let i = 0; i < schema.lerp.length; i++) {
      const w = schema.lerp[i];
      o.error[i] *= decay;
      const move = difference(o.due[w], o.next[w], schema.lerpAngle[i] !== 0) * part;
      picture[base + w] = o.due[w] + Math.round(move + o.error[i]);
    }
  }

  /** Keeps in mind how far an own row moves in a tick. */
  #measure({ table, due, next }: OwnRow): void {
    const { pos, fields } = table.schema;
    if (pos < 0) return;
    const at = fields[pos].offset;
    this.#fastest = Math.max(this.#fastest * 0.9999, Math.hypot(next[at] - due[at], next[at + 1] - due[at + 1]));
  }
}

function newOwnRow(table: TableState, row: number, entity: number): OwnRow {
  const { stride, lerp } = table.schema;
  return {
    table,
    row,
    entity,
    due: new Int32Array(stride),
    next: new Int32Array(stride),
    before: new Int32Array(stride),
    error: new Float32Array(lerp.length),
    known: false,
    catchUp: false,
  };
}
