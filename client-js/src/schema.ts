/** A game's tables as the server describes them (docs/protocol.md, section 5). */

import type { Value } from "./msgpack.ts";
import { MalformedError } from "./msgpack.ts";

/** How a field's words are to be read. */
export enum Kind {
  words = 0,
  int = 1,
  uint = 2,
  fixed = 3,
  vec = 4,
  angle = 5,
  entity = 6,
  slot = 7,
}

export enum Visibility {
  public = 0,
  team = 1,
  owner = 2,
  server = 3,
}

export interface Field {
  name: string;
  kind: number;
  vis: number;
  /** First word in the row. */
  offset: number;
  words: number;
  /** Low bits that only the owner gets. */
  quant: number;
  lerp: boolean;
  min: number;
  max: number;
}

/** One column of a table in a section: a field, or its low bits. */
export interface Column {
  offset: number;
  words: number;
  quant: number;
  /** The low bits of a public field, rather than a field. */
  low: boolean;
}

export interface TableSchema {
  name: string;
  capacity: number;
  /** Words per row. */
  stride: number;
  /** Index of the position field, -1 for none. */
  pos: number;
  slot: number;
  side: number;
  single: boolean;
  fields: Field[];
  /** Columns by section: public, team, own. */
  columns: Column[][];
  /** Offsets of the words that the picture interpolates, and whether each is an angle. */
  lerp: Int32Array;
  lerpAngle: Uint8Array;
}

export interface Schema {
  game: string;
  version: string;
  tables: TableSchema[];
  events: TableSchema[];
  input: TableSchema;
}

export type Fields = { [key: string]: Value };

/**
 * What an array holds in the order of the defaults, or a map under their names. What
 * is missing there, or of another type than its default, is the default.
 */
export function read<T extends object>(value: Value | undefined, defaults: T): T {
  const out = { ...defaults } as Record<string, unknown>;
  let at = 0;
  for (const name in out) {
    const found = (value as Fields | null | undefined)?.[Array.isArray(value) ? at++ : name];
    if (typeof found === typeof out[name]) out[name] = found;
  }
  return out as T;
}

/** A value that must be a map. */
export function mapOf(value: Value | undefined): Fields {
  if (value === null || typeof value !== "object" || Array.isArray(value)) throw new MalformedError("expected a map");
  return value;
}

/** A value that must be an array; nil is an empty one. */
export function listOf(value: Value | undefined): Value[] {
  return Array.isArray(value) ? value : [];
}

/** Reads the schema out of a welcome. */
export function parseSchema(value: Value | undefined): Schema {
  const map = mapOf(value);
  return {
    ...read(map, { game: "", version: "" }),
    tables: listOf(map.tables).map(parseTable),
    events: listOf(map.events).map(parseTable),
    input: parseTable(map.input),
  };
}

function parseTable(value: Value | undefined): TableSchema {
  const map = mapOf(value);
  const fields = listOf(map.fields).map(parseField);
  const table: TableSchema = {
    ...read(map, { name: "", capacity: 1, stride: 0, pos: -1, slot: -1, side: -1, single: false }),
    fields,
    columns: [Visibility.public, Visibility.team, Visibility.owner].map((section) => columnsOf(fields, section)),
    lerp: new Int32Array(0),
    lerpAngle: new Uint8Array(0),
  };
  for (const f of fields) {
    if (f.words < 1 || f.offset < 0 || f.offset + f.words > table.stride) {
      throw new MalformedError(`field ${table.name}.${f.name} lies outside its row`);
    }
  }
  const lerped = fields.filter((f) => f.lerp && f.vis <= Visibility.owner);
  table.lerp = Int32Array.from(lerped.flatMap((f) => Array.from({ length: f.words }, (_, i) => f.offset + i)));
  table.lerpAngle = Uint8Array.from(lerped.flatMap((f) => Array(f.words).fill(f.kind === Kind.angle ? 1 : 0)));
  return table;
}

function parseField(value: Value): Field {
  const words = { offset: 0, words: 0, quant: 0, lerp: false, min: -0x80000000, max: 0x7fffffff };
  return read(value, { name: "", kind: 0, vis: 0, ...words });
}

/** Columns of a section: its fields; in the owner's also the low bits of quantised public ones. */
function columnsOf(fields: Field[], section: Visibility): Column[] {
  const out: Column[] = [];
  for (const { vis, offset, words, quant } of fields) {
    const low = section === Visibility.owner && vis === Visibility.public && quant > 0;
    if (vis === section || low) out.push({ offset, words, quant: vis === Visibility.public ? quant : 0, low });
  }
  return out;
}
