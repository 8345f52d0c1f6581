/** Writes MessagePack for tests: independent of the client's own writer. */

export type Encodable = null | boolean | number | string | Encodable[] | { [key: string]: Encodable };

/** Encodes a value; integers take their shortest form. */
export function encode(value: Encodable): Uint8Array<ArrayBuffer> {
  const out: number[] = [];
  write(out, value);
  return Uint8Array.from(out);
}

function write(out: number[], value: Encodable): void {
  if (value === null) out.push(0xc0);
  else if (typeof value === "boolean") out.push(value ? 0xc3 : 0xc2);
  else if (typeof value === "number") writeInt(out, value);
  else if (typeof value === "string") {
    const raw = new TextEncoder().encode(value);
    out.push(0xda, raw.length >> 8, raw.length & 255, ...raw);
  } else if (Array.isArray(value)) {
    out.push(0xdd, ...big(value.length, 4));
    for (const v of value) write(out, v);
  } else {
    const keys = Object.keys(value);
    out.push(0xde, ...big(keys.length, 2));
    for (const k of keys) {
      write(out, k);
      write(out, value[k]!);
    }
  }
}

function writeInt(out: number[], n: number): void {
  if (n >= 0 && n < 0x80) out.push(n);
  else if (n < 0 && n >= -32) out.push(n & 255);
  else if (n < 0) out.push(0xd2, ...big(n, 4));
  else out.push(0xce, ...big(n, 4));
}

function big(n: number, bytes: number): number[] {
  return Array.from({ length: bytes }, (_, i) => (n >>> ((bytes - 1 - i) * 8)) & 255);
}

export function fromHex(hex: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

export function toHex(bytes: Uint8Array): string {
  return [...bytes].map((b) => b.toString(16).padStart(2, "0")).join("");
}
