/** Rows as objects: one per entity, with getters made from the schema. */

import { guarded } from "./emitter.ts";
import { elementWords, type FieldValue, isArray, readField, scalar } from "./field.ts";
import { type Replica, resized, type TableState } from "./replica.ts";
import { type TableSchema, Visibility } from "./schema.ts";
import type { Entity, EntityView, Unsubscribe } from "./api/match.ts";

/** Where an entity's words are: its table's picture, or a copy once it is gone. */
interface Memory {
  picture: Int32Array;
}

/**
 * Base of all entities. Members that are not for games start with "$", which
 * no field of a Go struct can.
 */
class Row implements Entity {
  readonly id: number;
  readonly index: number;
  own = false;
  $memory: Memory;
  $base: number;
  /** Objects that vec and array getters hand out again and again. */
  $values: FieldValue[] = [];

  constructor(id: number, memory: Memory, base: number) {
    this.id = id;
    this.index = id & 0xffff;
    this.$memory = memory;
    this.$base = base;
  }
}

/** Makes the class of a table's entities. */
function entityClass(schema: TableSchema): typeof Row {
  class TableRow extends Row {}
  schema.fields.forEach((f, i) => {
    if (f.vis === Visibility.server) return;
    const { kind, offset } = f;
    const shared = isArray(f) || elementWords(f) > 1;
    Object.defineProperty(TableRow.prototype, f.name, {
      enumerable: true,
      get: shared
        ? function (this: Row) {
            return (this.$values[i] = readField(f, this.$memory.picture, this.$base, this.$values[i]));
          }
        : function (this: Row) {
            return scalar(kind, this.$memory.picture[this.$base + offset]!);
          },
    });
  });
  return TableRow;
}

type Callback = (entity: Row) => void;

function subscribe<T>(set: Set<T>, callback: T): Unsubscribe {
  set.add(callback);
  return () => set.delete(callback);
}

/** The entities of one table, kept in step with its rows. */
export class EntityTable implements EntityView<unknown>, Memory {
  readonly state: TableState;
  /** Words that the getters read: newest ones, but interpolated or predicted where the picture is. */
  picture = new Int32Array(0);
  readonly #make: typeof Row;
  /** Offsets of the words that the picture does not interpolate. */
  readonly plainWords: Int32Array;
  readonly #slotOffset: number;
  readonly #byIndex: (Row | undefined)[] = [];
  readonly #list: Row[] = [];
  #added: Row[] = [];
  #changed: Row[] = [];
  #removed: Row[] = [];
  readonly #addCallbacks = new Set<Callback>();
  readonly #changeCallbacks = new Set<Callback>();
  readonly #removeCallbacks = new Set<Callback>();

  constructor(state: TableState) {
    const { schema } = state;
    this.state = state;
    this.#make = entityClass(schema);
    const lerped = new Set(schema.lerp);
    this.plainWords = Int32Array.from({ length: schema.stride }, (_, i) => i).filter((i) => !lerped.has(i));
    this.#slotOffset = schema.slot < 0 ? -1 : schema.fields[schema.slot]!.offset;
  }

  get size(): number {
    return this.#list.length;
  }

  get(id: number): Row | undefined {
    const e = this.#byIndex[id & 0xffff];
    return e && e.id === id ? e : undefined;
  }

  /** The entity in a row, whatever its id. */
  at(row: number): Row | undefined {
    return this.#byIndex[row];
  }

  [Symbol.iterator](): Iterator<Row> {
    return this.#list[Symbol.iterator]();
  }

  onAdd(callback: Callback): Unsubscribe {
    return subscribe(this.#addCallbacks, callback);
  }

  onChange(callback: Callback): Unsubscribe {
    return subscribe(this.#changeCallbacks, callback);
  }

  onRemove(callback: Callback): Unsubscribe {
    return subscribe(this.#removeCallbacks, callback);
  }

  /** Gives the row's entity a copy of its words, since the row is about to go. */
  drop(row: number): void {
    const e = this.#byIndex[row];
    if (!e || e.$memory !== this) return;
    const stride = this.state.schema.stride;
    e.$memory = { picture: this.picture.slice(e.$base, e.$base + stride) };
    e.$base = 0;
  }

  /**
   * Brings entities in step with the rows that a snapshot touched. Callbacks
   * wait for {@link emitChanges} and {@link emitRemovals}.
   */
  commit(slot: number): void {
    const { state } = this;
    if (this.picture.length < state.words.length) this.picture = resized(this.picture, state.words.length);
    for (let i = 0; i < state.touchedCount; i++) this.#commitRow(state.touched[i]!, slot);
  }

  #commitRow(row: number, slot: number): void {
    const { state, picture } = this;
    const { stride } = state.schema;
    const id = state.entity(row);
    const base = row * stride;
    const old = this.#byIndex[row];
    if (old && old.id !== id) {
      this.#removed.push(old);
      if (id !== 0) this.#unlist(old);
    }
    if (id === 0) return;
    if (old && old.id === id) {
      old.$memory = this;
      old.$base = base;
      for (const w of this.plainWords) picture[base + w] = state.words[base + w]!;
      this.#own(old, slot);
      this.#changed.push(old);
      return;
    }
    for (let w = base; w < base + stride; w++) picture[w] = state.words[w]!;
    const entity = new this.#make(id, this, base);
    this.#byIndex[row] = entity;
    this.#list.splice(this.#place(row), 0, entity);
    this.#own(entity, slot);
    this.#added.push(entity);
  }

  #own(e: Row, slot: number): void {
    e.own = this.#slotOffset >= 0 && this.state.words[e.$base + this.#slotOffset] === slot;
  }

  /** Calls the callbacks for entities that came and changed. */
  emitChanges(): void {
    fire(this.#addCallbacks, this.#added);
    fire(this.#changeCallbacks, this.#changed);
    this.#added.length = 0;
    this.#changed.length = 0;
  }

  /** Removes the entities that are gone, and calls their callbacks, after the snapshot's events. */
  emitRemovals(): void {
    for (const e of this.#removed) this.#unlist(e);
    fire(this.#removeCallbacks, this.#removed);
    this.#removed.length = 0;
  }

  #unlist(e: Row): void {
    if (this.#byIndex[e.index] !== e) return;
    this.#byIndex[e.index] = undefined;
    this.#list.splice(this.#place(e.index), 1);
  }

  /** Where an index is, or belongs, in the list. */
  #place(index: number): number {
    let low = 0;
    let high = this.#list.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#list[middle]!.index < index) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** Calls every callback. An error in one does not keep the others from their call. */
function fire(callbacks: Set<Callback>, entities: Row[]): void {
  if (callbacks.size === 0) return;
  for (const e of entities) {
    for (const callback of callbacks) guarded(callback, e);
  }
}

/** Makes the views of all tables and ties them to the replica. */
export function entityTables(replica: Replica): EntityTable[] {
  const tables = replica.tables.map((t) => new EntityTable(t));
  replica.onDrop = (t, row) => tables[t.index]!.drop(row);
  return tables;
}
