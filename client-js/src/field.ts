/** How words become values for people, and back. */

import { type Field, Kind, type TableSchema } from "./schema.ts";

/** What is one in fixed point, and a whole turn of an angle. */
enum Unit {
  one = 65536,
  turn = 65536,
}

/** A field as games read it. */
export type FieldValue = number | { x: number; y: number } | FieldValue[];

/** What setInput takes for one field. */
export type InputValue = number | readonly number[] | { x: number; y: number };

/** Where in a list something with the name is. */
export function named(list: readonly { name: string }[], what: string, name: string): number {
  const at = list.findIndex((item) => item.name === name);
  if (at < 0)
    throw new TypeError(`there is no ${what} "${name}"; there are ${list.map((item) => item.name).join(", ")}`);
  return at;
}

/** Words of one element: arrays are runs of elements. */
export function elementWords(f: Field): number {
  return f.kind === Kind.vec ? 2 : 1;
}

/** Whether the field is an array rather than one value. */
export function isArray(f: Field): boolean {
  return f.words > elementWords(f);
}

/** A one-word value: fixed as a float, angles in radians, ids and uints unsigned, slots as -1 for none. */
export function scalar(kind: number, word: number): number {
  switch (kind) {
    case Kind.fixed:
    case Kind.vec:
      return word / Unit.one;
    case Kind.angle:
      return (word * 2 * Math.PI) / Unit.turn;
    case Kind.uint:
    case Kind.entity:
      return word >>> 0;
    default:
      return word;
  }
}

/** Reads a field into fresh values, or into those of an earlier read. */
export function readField(f: Field, words: Int32Array, base: number, into?: FieldValue): FieldValue {
  const step = elementWords(f);
  let at = base + f.offset;
  if (!isArray(f)) return readElement(f.kind, words, at, into);
  const list = (into as FieldValue[] | undefined) ?? [];
  for (let i = 0; i * step < f.words; i++, at += step) list[i] = readElement(f.kind, words, at, list[i]);
  return list;
}

function readElement(kind: number, words: Int32Array, at: number, into?: FieldValue): FieldValue {
  if (kind !== Kind.vec) return scalar(kind, words[at]!);
  const vec = (into as { x: number; y: number } | undefined) ?? { x: 0, y: 0 };
  vec.x = words[at]! / Unit.one;
  vec.y = words[at + 1]! / Unit.one;
  return vec;
}

/**
 * Writes what a player wants into an input's words, each clamped to the range
 * that the server accepts; fields not mentioned keep what they had.
 */
export function writeInput(schema: TableSchema, input: Record<string, InputValue>, words: Int32Array): void {
  for (const name of Object.keys(input)) {
    const f = schema.fields[named(schema.fields, "field", name)]!;
    const value = input[name]!;
    if (typeof value === "number") words[f.offset] = wordOf(f, value);
    else if ("x" in value) {
      words[f.offset] = wordOf(f, value.x);
      words[f.offset + 1] = wordOf(f, value.y);
    } else for (let i = 0; i < f.words; i++) words[f.offset + i] = wordOf(f, value[i] ?? 0);
  }
}

function wordOf(f: Field, value: number): number {
  let word = Number.isFinite(value) ? value : 0;
  if (f.kind === Kind.fixed || f.kind === Kind.vec) word = Math.round(word * Unit.one);
  else if (f.kind === Kind.angle) word = Math.round((word * Unit.turn) / (2 * Math.PI)) & (Unit.turn - 1);
  else word = Math.trunc(word);
  return Math.min(Math.max(word, f.min), f.max);
}
