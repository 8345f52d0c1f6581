/** Rooms: places where friends meet and play one private match after another. */

import type { Client, Match, PlayOptions } from "./index.ts";
import { Group, type Joined } from "./membership.ts";
import type { SetRoomRequest, StartRoomResponse, WatchRoomResponse } from "./matchmakerv1.ts";
import { refuseUnknown } from "./options.ts";
import type { Membership, RoomEvents, RoomMember, RoomSettings } from "./api/lobby.ts";

/** A room, as one of its members sees it. */
export class Room extends Group<RoomMember, RoomEvents> {
  game = "";
  /** Of the next match, as are the options. */
  mode = "";
  options: Readonly<Record<string, number>> = {};
  labels: Readonly<Record<string, string>> = {};
  /** Members at most. */
  seats = 0;
  /** The match that runs; empty while the room waits for its next one. */
  matchId = "";
  /** Matches so far, the present one included. */
  round = 0;
  /** Why the last match could not start, a sentence for people. */
  message = "";
  #starting = false;
  #started = "";

  /** @internal */
  constructor(client: Client, membership: Membership, resumed = false) {
    super(client, "Room", membership, resumed);
  }

  /** The member who may set and start the match; undefined before the first state. */
  get owner(): RoomMember | undefined {
    return this.members.find((member) => member.owner);
  }

  /** Whether the player is the owner. */
  get owns(): boolean {
    return this.owner?.you ?? false;
  }

  /** Whether the player is ready. */
  get ready(): boolean {
    return this.members.some((member) => member.you && member.ready);
  }

  /** When all of two or more are ready, the match starts: see the event "search". */
  async setReady(ready = true): Promise<void> {
    await this.call("SetReady", { ready });
  }

  /** As owner: changes the next match; settings that are left out stay. No member is ready afterwards. */
  async set({ mode = this.mode, options = this.options, labels = this.labels }: RoomSettings): Promise<void> {
    await this.call("SetRoom", roomSettings({ mode, options, labels }));
  }

  /**
   * As owner: starts the next match for all members, and joins it. The others hear
   * it by the event "search". While a match runs, every member joins it by this.
   */
  async start(options: PlayOptions = {}): Promise<Match> {
    this.#starting = true;
    try {
      const { ticketId = "" } = await this.call<StartRoomResponse>("StartRoom", {}, options.signal);
      this.#started = ticketId;
    } finally {
      this.#starting = false;
    }
    return this.client.findMatch({ ...options, ticketId: this.#started });
  }

  /** Joins the match that runs, with a seat of its own also after a while. */
  follow(options: PlayOptions = {}): Promise<Match> {
    return this.start(options);
  }

  protected update(state: WatchRoomResponse): void {
    const { members = [], options = [], ticketId = "" } = state;
    ({ game: this.game = "", mode: this.mode = "", labels: this.labels = {} } = state);
    ({ seats: this.seats = 0, matchId: this.matchId = "", round: this.round = 0, message: this.message = "" } = state);
    this.options = Object.fromEntries(options.map(({ name = "", value = 0 }) => [name, value]));
    const empty = { playerId: "", playerName: "", owner: false, you: false, ready: false, playing: false };
    const all = members.map((member) => ({ ...empty, ...member }));
    this.show(all, ticketId, this.#starting || ticketId === this.#started);
  }
}

/** Settings as the matchmaker takes them. */
export function roomSettings(settings: RoomSettings): SetRoomRequest {
  refuseUnknown(settings, { mode: 1, options: 1, labels: 1 });
  const { mode, options = {}, labels } = settings;
  return { mode, labels, options: Object.keys(options).map((name) => ({ name, value: options[name] })) };
}

/** The room that was entered. */
export function joinedRoom(client: Client, { roomCode = "", memberId = "", playerId = "" }: Joined): Room {
  return new Room(client, { code: roomCode, memberId, playerId });
}
