/** Public types of the lobby (package export tactus/lobby). */

import type { TactusErrorLike } from "../index.ts";

/** What the next match of a room will be. */
export interface RoomSettings {
  mode?: string;
  options?: Readonly<Record<string, number>>;
  /** At most four; names and texts of at most 64 bytes. */
  labels?: Readonly<Record<string, string>>;
}

export interface RoomRequest extends RoomSettings {
  game?: string;
  /** Game version of the page, where only servers of that version will do. */
  version?: string;
}

export interface RoomMember {
  playerId: string;
  playerName: string;
  owner: boolean;
  you: boolean;
  ready: boolean;
  /** Has, or had, a seat in the present match. */
  playing: boolean;
}

export interface RoomEvents extends MembershipEvents<RoomMember> {}

export interface OpenMatch {
  matchId: string;
  game: string;
  mode: string;
  people: number;
  seats: number;
  ageSeconds: number;
  /** For the players that its queue has seated. Joining it by its id is not rated. */
  rated: boolean;
}

/** An option of a mode. Players choose it for their rooms where min is below max. */
export interface OptionInfo {
  name: string;
  /** Of matches that say nothing else. */
  value: number;
  min: number;
  max: number;
}

export interface ModeInfo {
  name: string;
  title: string;
  minPlayers: number;
  maxPlayers: number;
  teams: number;
  /** Empty where the server does not say. */
  options: readonly OptionInfo[];
  /** No server hosts it now; one did within ten minutes. A search waits for one. */
  away: boolean;
}

export interface GameInfo {
  name: string;
  title: string;
  version: string;
  /** As of a mode, of all its modes. */
  away: boolean;
  modes: ModeInfo[];
}

export interface GameList {
  games: GameInfo[];
  servers: number;
  players: number;
}

/** A queue and what its rules say; see tactus/lobby. */
export interface QueueInfo {
  name: string;
  /** For people. */
  title: string;
  game: string;
  mode: string;
  rulesVersion: string;
  teams: number;
  /** Players of a team. */
  teamMin: number;
  teamMax: number;
  partyMax: number;
  /** No server hosts its mode now: a search waits for one. */
  away: boolean;
  /** A found match waits until its players accept. */
  accept: boolean;
  rated: boolean;
  /** Players. */
  searching: number;
  waitP50Ms: number;
  waitP90Ms: number;
}

/** What is known of a player's skill in one queue. */
export interface Rating {
  playerId: string;
  playerName: string;
  /** The estimated skill; players start at 1500. */
  points: number;
  /** One standard deviation, in points. */
  uncertainty: number;
  /** 1 is best; 0: unranked. */
  rank: number;
  matches: number;
  wins: number;
}

export interface RatedMatch {
  matchId: string;
  endedUnixMs: number;
  /** Of the player's team; 1 is best. */
  rank: number;
  /** In free-for-all: players. */
  teams: number;
  pointsBefore: number;
  pointsAfter: number;
  mode: string;
}

export interface PlayerRating {
  rating: Rating;
  /** The newest rated match; undefined without any. */
  last: RatedMatch | undefined;
}

export interface LeaderboardPage {
  /** The page that this player is in the middle of. */
  around?: string;
  /** First rank - 1. */
  offset?: number;
  /** 100 by default and at most. */
  limit?: number;
}

export interface Leaderboard {
  ratings: Rating[];
  /** Ranked in all. */
  players: number;
}

export interface PartyMember {
  playerId: string;
  playerName: string;
  leader: boolean;
  you: boolean;
}

/** What it takes to come back to a party or a room: keep it in sessionStorage. The member id is a secret. */
export interface Membership {
  code: string;
  memberId: string;
  playerId: string;
}

export type PartyMembership = Membership;
export type RoomMembership = Membership;

export interface MembershipEvents<Member> {
  /** The members, or another part of the state, may have changed. */
  change: (members: readonly Member[]) => void;
  /** Another member has started a search, or a room's match: follow joins it. */
  search: (ticketId: string) => void;
  /** The player is not a member any more, and did not leave. */
  close: (error: TactusErrorLike) => void;
}

/** A member who does not follow a party's search within 10 s ends it. */
export interface PartyEvents extends MembershipEvents<PartyMember> {
  /** The party has entered a room: Lobby.resumeRoom takes the player's place in it. */
  room: (membership: RoomMembership) => void;
}
