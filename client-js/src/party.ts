/** Parties: players that search together. */

import type { Client, Match, PlayOptions } from "./index.ts";
import { Group, type Joined } from "./membership.ts";
import type { WatchPartyResponse } from "./matchmakerv1.ts";
import { joinedRoom, type Room, roomSettings } from "./room.ts";
import type { Membership, PartyEvents, PartyMember, RoomRequest } from "./api/lobby.ts";

/** A party, as one of its members sees it. The first member leads it. */
export class Party extends Group<PartyMember, PartyEvents> {
  /** The own place in the room that the party has entered, for Lobby.resumeRoom. */
  room: Membership | undefined;

  /** @internal */
  constructor(client: Client, membership: Membership, resumed = false) {
    super(client, "Party", membership, resumed);
  }

  /** Whether the player leads, and so may start. */
  get leads(): boolean {
    return this.members.some((member) => member.you && member.leader);
  }

  /** As leader: searches for all members, and joins. The others hear it by the event "search". */
  start(options: PlayOptions = {}): Promise<Match> {
    return this.client.findMatch({ ...options, party: this.membership.memberId });
  }

  /** As member: follows the search that the leader has started, and joins. Aborting it cancels the search for all. */
  async follow(options: PlayOptions = {}): Promise<Match> {
    if (!this.ticketId) throw new TypeError("the party does not search");
    return this.client.findMatch({ ...options, ticketId: this.ticketId });
  }

  /** As leader: enters a room with all members, or with none. The others hear it by the event "room". */
  enterRoom(code: string): Promise<Room> {
    return this.#room("JoinRoom", { roomCode: code });
  }

  /** As leader: opens a room that all members are in. */
  createRoom({ game, version, ...settings }: RoomRequest = {}): Promise<Room> {
    return this.#room("CreateRoom", { game, version, ...roomSettings(settings) });
  }

  async #room(method: string, request: object): Promise<Room> {
    const { memberId, playerId } = this.membership;
    const joined = await this.client.matchmaker.call<Joined>(method, { ...request, party: memberId });
    return joinedRoom(this.client, { playerId, ...joined });
  }

  protected update(
    { members = [], ticketId = "", roomCode = "", roomMemberId = "" }: WatchPartyResponse,
    first: boolean,
  ): void {
    const entered = roomMemberId !== "" && roomMemberId !== this.room?.memberId;
    const { playerId } = this.membership;
    this.room = roomMemberId ? { code: roomCode, memberId: roomMemberId, playerId } : undefined;
    const all = members.map((member) => ({ playerId: "", playerName: "", leader: false, you: false, ...member }));
    // A leader knows what they started, unless the page was reloaded.
    const own = !first && all.some((member) => member.you && member.leader);
    this.show(all, ticketId, own);
    if (entered && !own) this.emit("room", this.room);
  }
}
