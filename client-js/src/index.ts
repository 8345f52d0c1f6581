/** Client of the Tactus game server: see docs/client.md. */

export * from "./types.ts";
export { Client } from "./client.ts";
export type { ClientOptions, GameInfo, GameList, ModeInfo, OpenMatch, RoomRequest } from "./client.ts";
export { CloseCode } from "./codes.ts";
export { ErrorCode, TactusError } from "./errors.ts";
export type { Rules, RulesConfig } from "./rules.ts";
export type { NetworkConditions, WebSocketClass } from "./transport.ts";
