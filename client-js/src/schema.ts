/** A game's tables as the server describes them (docs/protocol.md, section 5). */

import type { Value } from "./msgpack.ts";
import { MalformedError } from "./msgpack.ts";

/** How a field's words are to be read. */
export enum Kind { words = 0, int = 1, uint = 2, fixed = 3, vec = 4, angle = 5, entity = 6, slot = 7 }

enum Visibility { public = 0, team = 1, owner = 2 }

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
  columns: [Column[], Column[], Column[]];
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

type Fields = { [key: string]: Value };

/** A map member that has to be a number; missing ones are the default. */
export function numberOf(value: Value | undefined, def = 0): number {
  return typeof value === "number" ? value : def;
}

/** A map member that has to be a string; anything else is empty. */
export function stringOf(value: Value | undefined): string {
  return typeof value === "string" ? value : "";
}

/** A value that has to be a map. */
export function mapOf(value: Value | undefined): Fields {
  if (value === null || typeof value !== "object" || Array.isArray(value)) throw new MalformedError("expected a map");
  return value;
}

/** A value that has to be an array; nil is an empty one. */
export function listOf(value: Value | undefined): Value[] {
  return Array.isArray(value) ? value : [];
}

/** Reads the schema out of a welcome. */
export function parseSchema(value: Value | undefined): Schema {
  const map = mapOf(value);
  return {
    game: stringOf(map.game),
    version: stringOf(map.version),
    tables: listOf(map.tables).map(parseTable),
    events: listOf(map.events).map(parseTable),
    input: parseTable(map.input),
  };
}

function parseTable(value: Value | undefined): TableSchema {
  const map = mapOf(value);
  const fields = listOf(map.fields).map(parseField);
  const table: TableSchema = {
    name: stringOf(map.name),
    capacity: numberOf(map.capacity, 1),
    stride: numberOf(map.stride),
    pos: numberOf(map.pos, -1),
    slot: numberOf(map.slot, -1),
    side: numberOf(map.side, -1),
    single: map.single === true,
    fields,
    columns: [publicColumns(fields), teamColumns(fields), ownColumns(fields)],
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
  const [name, kind, vis, offset, words, quant, lerp, min, max] = listOf(value);
  return {
    name: stringOf(name),
    kind: numberOf(kind),
    vis: numberOf(vis),
    offset: numberOf(offset),
    words: numberOf(words),
    quant: numberOf(quant),
    lerp: lerp === true,
    min: numberOf(min, -0x80000000),
    max: numberOf(max, 0x7fffffff),
  };
}

function column(f: Field, quant: number, low: boolean): Column {
  return { offset: f.offset, words: f.words, quant, low };
}

function publicColumns(fields: Field[]): Column[] {
  return fields.filter((f) => f.vis === Visibility.public).map((f) => column(f, f.quant, false));
}

function teamColumns(fields: Field[]): Column[] {
  return fields.filter((f) => f.vis === Visibility.team).map((f) => column(f, 0, false));
}

/** What only the owner gets: his fields, and the low bits of quantised ones. */
function ownColumns(fields: Field[]): Column[] {
  const out: Column[] = [];
  for (const f of fields) {
    if (f.vis === Visibility.owner) out.push(column(f, 0, false));
    else if (f.vis === Visibility.public && f.quant > 0) out.push(column(f, f.quant, true));
  }
  return out;
}
