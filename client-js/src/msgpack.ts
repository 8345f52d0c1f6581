/**
 * The part of MessagePack (github.com/msgpack/msgpack, spec.md) that the wire
 * needs: integers without allocation for snapshots and inputs, and a general
 * reader for the few cold messages. Floats, binary and extensions don't occur.
 */

/** Any value a cold message can hold. */
export type Value = null | boolean | number | string | Value[] | { [key: string]: Value };

/** Thrown for bytes that are not what the wire allows. */
export class MalformedError extends Error {
  override name = "MalformedError";
}

/** Nesting beyond this is refused, so that hostile bytes can't exhaust the stack. */
enum Limit {
  depth = 16,
}

const utf8 = new TextDecoder("utf-8");
const utf8Out = new TextEncoder();

/** The bytes of a text in UTF-8. */
export const bytesOf = (text: string) => utf8Out.encode(text);

/** Reads one message after another; reused, so that a snapshot costs no garbage. */
export class Reader {
  #bytes: Uint8Array = new Uint8Array(0);
  #at = 0;

  /** Starts to read a message; the bytes are borrowed until the next call. */
  reset(bytes: Uint8Array): void {
    this.#bytes = bytes;
    this.#at = 0;
  }

  /** The next integer of any width. */
  int(): number {
    const b = this.#bytes[this.#at++];
    if (b < 0x80) return b;
    if (b >= 0xe0) return b - 0x100;
    if (b >= 0xcc && b <= 0xd3) return this.#number(1 << (b & 3), b >= 0xd0);
    throw this.#unexpected();
  }

  /** Length of the array that follows, or -1 for nil. */
  array(): number {
    const b = this.#bytes[this.#at++];
    if ((b & 0xf0) === 0x90) return b & 0x0f;
    if (b === 0xdc) return this.#number(2);
    if (b === 0xdd) return this.#number(4);
    if (b === 0xc0) return -1;
    throw this.#unexpected();
  }

  /** Any value. */
  value(depth = 0): Value {
    const b = this.#bytes[this.#at];
    if (b < 0x80 || b >= 0xe0 || (b >= 0xcc && b <= 0xd3)) return this.int();
    if ((b & 0xe0) === 0xa0 || (b >= 0xd9 && b <= 0xdb)) return this.#string();
    if ((b & 0xf0) === 0x90 || b === 0xdc || b === 0xdd) return this.#list(depth);
    if ((b & 0xf0) === 0x80 || b === 0xde || b === 0xdf) return this.#map(depth);
    this.#at++;
    if (b === 0xc0) return null;
    if (b === 0xc2 || b === 0xc3) return b === 0xc3;
    throw this.#unexpected();
  }

  /** The bytes before the place are not what is wanted there, or end early. */
  #unexpected(): MalformedError {
    return new MalformedError(`unexpected bytes before ${this.#at} of ${this.#bytes.length}`);
  }

  #string(): string {
    const b = this.#bytes[this.#at++];
    const length = b < 0xc0 ? b & 0x1f : this.#number(1 << (b - 0xd9));
    const end = this.#at + length;
    if (end > this.#bytes.length) throw this.#unexpected();
    const text = utf8.decode(this.#bytes.subarray(this.#at, end));
    this.#at = end;
    return text;
  }

  #list(depth: number): Value[] {
    if (depth > Limit.depth) throw this.#unexpected();
    const out: Value[] = [];
    for (let n = this.array(); n > 0; n--) out.push(this.value(depth + 1));
    return out;
  }

  #map(depth: number): { [key: string]: Value } {
    if (depth > Limit.depth) throw this.#unexpected();
    const b = this.#bytes[this.#at++];
    const out: { [key: string]: Value } = Object.create(null);
    for (let n = b < 0xde ? b & 0x0f : this.#number(b === 0xde ? 2 : 4); n > 0; n--) {
      const key = this.value(depth + 1);
      out[String(key)] = this.value(depth + 1);
    }
    return out;
  }

  /** A big-endian number of so many bytes. */
  #number(bytes: number, signed = false): number {
    const end = this.#at + bytes;
    if (end > this.#bytes.length) throw this.#unexpected();
    let n = this.#bytes[this.#at++];
    if (signed) n = (n << 24) >> 24;
    while (this.#at < end) n = n * 256 + this.#bytes[this.#at++];
    return n;
  }
}

/** Builds one message at a time in memory of its own. */
export class Writer {
  #bytes = new Uint8Array(256);
  #length = 0;

  /** Starts a message, which is an array of n elements. */
  begin(n: number): this {
    this.#length = 0;
    return this.array(n);
  }

  /** The message so far; valid until the next begin. */
  done(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#length);
  }

  array(n: number): this {
    if (n < 16) this.#byte(0x90 | n);
    else this.#sized(0xdc, 2, n);
    return this;
  }

  map(n: number): this {
    this.#byte(0x80 | n);
    return this;
  }

  /** An integer between -2^31 and 2^32-1, in its shortest form. */
  int(n: number): this {
    // What the magnitude needs, with the sign's bit for negative numbers.
    const size = n < 0 ? ~n * 2 : n;
    const power = size < 0x100 ? 0 : size < 0x10000 ? 1 : 2;
    if (n >= -32 && n < 0x80) this.#byte(n & 0xff);
    else this.#sized((n < 0 ? 0xd0 : 0xcc) + power, 1 << power, n);
    return this;
  }

  string(text: string): this {
    const raw = bytesOf(text);
    if (raw.length < 32) this.#byte(0xa0 | raw.length);
    else if (raw.length < 0x100) this.#sized(0xd9, 1, raw.length);
    else this.#sized(0xda, 2, raw.length);
    this.#need(raw.length);
    this.#bytes.set(raw, this.#length);
    this.#length += raw.length;
    return this;
  }

  #sized(head: number, bytes: number, n: number): void {
    this.#byte(head);
    for (let shift = (bytes - 1) * 8; shift >= 0; shift -= 8) this.#byte((n >>> shift) & 0xff);
  }

  #byte(b: number): void {
    this.#need(1);
    this.#bytes[this.#length++] = b;
  }

  #need(n: number): void {
    if (this.#length + n <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + n));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
  }
}
