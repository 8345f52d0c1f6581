/** Client of the Tactus game server: see docs/client.md. */

export type * from "./types.ts";
export { Client } from "./client.ts";
export { CloseCode } from "./codes.ts";
export { ErrorCode, TactusError } from "./errors.ts";
