/**
 * Everything around matches: rooms, parties, queues, ratings. A file of its own
 * (lobby.mjs, package export tactus/lobby) beside the client, which it is given.
 */

import type { Client, Match } from "./index.ts";
import type * as matchmakerv1 from "./matchmakerv1.ts";
import type { MatchmakerService } from "./matchmakerv1.ts";
import type { Joined } from "./membership.ts";
import { Refusal } from "./refusal.ts";
import { Party } from "./party.ts";
import { refuseUnknown } from "./options.ts";
import { pause } from "./pause.ts";
import { joinedRoom, Room, roomSettings } from "./room.ts";
import type {
  GameList,
  Leaderboard,
  LeaderboardPage,
  OpenMatch,
  OptionInfo,
  PartyMembership,
  PlayerRating,
  QueueInfo,
  RatedMatch,
  Rating,
  RoomMembership,
  RoomRequest,
} from "./api/lobby.ts";

export type * from "./api/lobby.ts";
export { Party } from "./party.ts";
export { Room } from "./room.ts";

/** The player that opens or joins a party or a room. */
export interface PartyOptions {
  name?: string;
  /** See PlayOptions. */
  identityToken?: string;
  signal?: AbortSignal;
  /** The server is busy, and the client tries again in so long. */
  onBusy?: (retryInMs: number) => void;
}

/**
 * Pauses before the rating after a match is asked for, and when it is given up: a
 * server may report a match only when it is closed, and may repeat that.
 */
const firstRatingPauseMs = 400;
const maxRatingPauseMs = 4000;
const ratingPatienceMs = 30_000;

/** What a report is about. */
export type ReportCategory = "CHAT" | "CHEATING" | "NAME" | "OTHER";

export interface ReportOptions {
  /** Up to 200 bytes, for the operators. */
  text?: string;
  /** See PlayOptions. */
  identityToken?: string;
  signal?: AbortSignal;
}

const reportOptions: Record<keyof ReportOptions, 1> = { text: 1, identityToken: 1, signal: 1 };
const partyOptions: Record<keyof PartyOptions, 1> = { name: 1, identityToken: 1, signal: 1, onBusy: 1 };

export class Lobby {
  readonly #client: Client;

  constructor(client: Client) {
    this.#client = client;
  }

  /** Opens a party that the player leads. */
  async createParty(options: PartyOptions = {}): Promise<Party> {
    const { partyCode = "", ...joined } = await this.#enter("CreateParty", options);
    return this.#party(partyCode, joined);
  }

  /** Joins a party by its code. Error 305: there is none; 309: it is full. */
  async joinParty(code: string, options: PartyOptions = {}): Promise<Party> {
    return this.#party(code, await this.#enter("JoinParty", options, { partyCode: code }));
  }

  /** Comes back to a party that the player is still a member of, after a reload of the page for instance. */
  resumeParty(saved: PartyMembership): Party {
    return new Party(this.#client, saved, true);
  }

  /** The queues, and how long players wait in them. */
  async queues(): Promise<QueueInfo[]> {
    const { queues = [] } = await this.#call("ListQueues", {});
    const empty = {
      name: "",
      title: "",
      game: "",
      mode: "",
      rulesVersion: "",
      teams: 0,
      teamMin: 0,
      teamMax: 0,
      partyMax: 0,
    };
    const unknown = { away: false, accept: false, rated: false, searching: 0, waitP50Ms: 0, waitP90Ms: 0 };
    return queues.map((queue) => ({ ...empty, ...unknown, ...queue }));
  }

  /** A player's rating, by default the own one. Error 305: the queue keeps no ratings. */
  async rating(queue: string, playerId = this.#client.playerId, signal?: AbortSignal): Promise<PlayerRating> {
    const { rating, last } = await this.#call("GetRating", { queue, playerId }, signal);
    return { rating: ratingOf(rating), last: last && ratedMatchOf(last) };
  }

  /**
   * The own rating with the change by this match, as soon as it is known; undefined
   * when the match is not rated, or not counted within half a minute.
   */
  async ratingAfter(
    match: Pick<Match, "id" | "player" | "queue">,
    signal?: AbortSignal,
  ): Promise<PlayerRating | undefined> {
    let ms = firstRatingPauseMs;
    for (let waited = 0; waited < ratingPatienceMs; waited += ms, ms = Math.min(2 * ms, maxRatingPauseMs)) {
      await pause(ms, signal);
      try {
        const known = await this.rating(match.queue, match.player, signal);
        if (known.last?.matchId === match.id) return known;
      } catch (error) {
        signal?.throwIfAborted();
        if ((error as { code?: number }).code === Refusal.notFound) return undefined;
      }
    }
    return undefined;
  }

  /** A queue's players by rank: from an offset on, or around a player. */
  async leaderboard(queue: string, page: LeaderboardPage = {}): Promise<Leaderboard> {
    const request = { queue, aroundPlayerId: page.around, offset: page.offset, limit: page.limit };
    const { ratings = [], players = 0 } = await this.#call("ListLeaderboard", request);
    return { ratings: ratings.map(ratingOf), players };
  }

  /** A player's last rated matches, newest first; by default the own ones. */
  async history(queue: string, playerId = this.#client.playerId, limit = 0): Promise<RatedMatch[]> {
    const { matches = [] } = await this.#call("ListHistory", { queue, playerId, limit });
    return matches.map(ratedMatchOf);
  }

  /**
   * Reports a player of a match to the operators, who get the match's log. It is possible until ten
   * minutes after the match. Error 309: one of the two has not played in it; 308: too many reports.
   */
  async report(
    match: Pick<Match, "id" | "roster">,
    slot: number,
    category: ReportCategory,
    options: ReportOptions = {},
  ): Promise<void> {
    refuseUnknown(options, reportOptions);
    const { text, identityToken, signal } = options;
    const about = { matchId: match.id, slot, reportedName: match.roster.get(slot)?.name };
    const request = { ...about, category: `REPORT_CATEGORY_${category}`, text, identityToken };
    await this.#client.matchmaker.enter("ReportPlayer", request, signal);
  }

  /** Opens a room: a place for one private match after another, which others join by its code. */
  async createRoom({
    game,
    version,
    name,
    identityToken,
    signal,
    onBusy,
    ...settings
  }: RoomRequest & PartyOptions = {}): Promise<Room> {
    const player = { name, identityToken, signal, onBusy };
    const joined = await this.#enter("CreateRoom", player, { game, version, ...roomSettings(settings) });
    // A player without a token has opened a room that belongs to the first player in it.
    return joined.memberId ? joinedRoom(this.#client, joined) : this.joinRoom(joined.roomCode ?? "", player);
  }

  /** Joins a room by its code. Error 305: there is none; 309: it is full. */
  async joinRoom(code: string, options: PartyOptions = {}): Promise<Room> {
    return joinedRoom(this.#client, {
      roomCode: code,
      ...(await this.#enter("JoinRoom", options, { roomCode: code })),
    });
  }

  /** Comes back to a room, after a reload of the page or another match for instance. */
  resumeRoom(saved: RoomMembership): Room {
    return new Room(this.#client, saved, true);
  }

  /** Open public matches with free seats, fullest first. */
  async listMatches(filter: { game?: string; mode?: string; limit?: number } = {}): Promise<OpenMatch[]> {
    const { matches = [] } = await this.#call("ListMatches", filter);
    return matches.map(({ matchId = "", game = "", mode = "", people = 0, seats = 0, ageS = 0, rated = false }) => {
      return { matchId, game, mode, people, seats, ageSeconds: ageS, rated };
    });
  }

  /** Games and modes that can be played now, those whose servers are away, and how many people are there. */
  async listGames(): Promise<GameList> {
    const { games = [], servers = 0, players = 0 } = await this.#call("ListGames", {});
    const empty = { name: "", title: "", minPlayers: 0, maxPlayers: 0, teams: 0, away: false };
    return {
      games: games.map(({ name = "", title = "", version = "", away = false, modes = [] }) => {
        return { name, title, version, away, modes: modes.map((m) => ({ ...empty, ...m, options: optionsOf(m) })) };
      }),
      servers,
      players,
    };
  }

  #call<Method extends keyof MatchmakerService>(
    method: Method,
    request: MatchmakerService[Method]["request"],
    signal?: AbortSignal,
  ): Promise<MatchmakerService[Method]["response"]> {
    return this.#client.matchmaker.call(method, request, signal);
  }

  #enter(method: string, options: PartyOptions, request: object = {}): Promise<Joined> {
    refuseUnknown(options, partyOptions);
    const { name, identityToken, signal, onBusy } = options;
    return this.#client.matchmaker.enter<Joined>(
      method,
      { ...request, playerName: name, identityToken } as object,
      signal,
      onBusy,
    );
  }

  #party(code: string, { memberId = "", playerId = "" }: Joined): Party {
    return new Party(this.#client, { code, memberId, playerId });
  }
}

function optionsOf({ options = [] }: matchmakerv1.ModeInfo): OptionInfo[] {
  return options.map((o) => ({ name: "", value: 0, min: 0, max: 0, ...o }));
}

function ratingOf(received: matchmakerv1.Rating | undefined): Rating {
  return { playerId: "", playerName: "", points: 0, uncertainty: 0, rank: 0, matches: 0, wins: 0, ...received };
}

/** 64-bit integers are strings in the JSON of protobuf. */
function ratedMatchOf({ endedUnixMs, ...received }: matchmakerv1.RatedMatch): RatedMatch {
  const empty = { matchId: "", mode: "", rank: 0, teams: 0, pointsBefore: 0, pointsAfter: 0 };
  return { ...empty, ...received, endedUnixMs: Number(endedUnixMs ?? 0) };
}
