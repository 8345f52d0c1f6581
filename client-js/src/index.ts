/** Client of the Tactus game server: see docs/client.md. */

export type * from "./api/client.ts";
export type * from "./api/match.ts";
export type * from "./api/transport.ts";
export { Client } from "./client.ts";
export { CloseCode } from "./codes.ts";
export { ErrorCode, TactusError } from "./errors.ts";
export type { EndReason } from "./matchmakerv1.ts";
