import type { Lobby, Party, PartyOptions, Room, RoomRequest } from "../src/lobby.ts";
import type { TactusErrorLike } from "../src/index.ts";
import { showPartyInAddress, showRoomInAddress } from "./address.ts";
import { toast } from "./dom.ts";
import { type Invitation, invitationIn, type Menu } from "./menu.ts";
import { PartyPanel } from "./party.ts";
import type { Queues } from "./queues.ts";
import { Rooms } from "./rooms.ts";
import type { Search } from "./searches.ts";
import type { Phases } from "./transitions.ts";

/** The page, as the player's friends change it. */
export interface FriendsPage {
  readonly menu: Menu;
  readonly phases: Phases;
  readonly matchId: string | undefined;
  goHome(error?: unknown): void;
  find(wanted: object, title: string, search: Search): Promise<void>;
  newAttempt(): AbortSignal;
}

/** The player's party and private room, and what they make the page do. */
export class Friends {
  readonly parties: PartyPanel;
  readonly rooms: Rooms;

  constructor(
    private readonly lobby: Lobby,
    queues: Queues,
    private readonly page: FriendsPage,
    partyChanged: () => void,
  ) {
    this.parties = new PartyPanel(lobby, {
      name: () => page.menu.playerName,
      search: (party) => this.followParty(party),
      room: (membership) => this.takeRoom(lobby.resumeRoom(membership)),
      changed: () => {
        showPartyInAddress(this.parties.party?.code ?? "");
        partyChanged();
      },
      failed: (error) => page.menu.fail(error),
      busy: (retryInMs) => page.menu.showBusy(retryInMs),
    });
    this.rooms = new Rooms(lobby, {
      modes: () => queues.modes(),
      start: (room) => void page.find({}, `Room ${room.code}`, (options) => room.start(options)),
      search: (room) => this.followRoom(room),
      leave: () => this.leaveRoom(),
      closed: (error) => this.roomClosed(error),
    });
    addEventListener("hashchange", () => this.takeInvitation());
  }

  /** After a reload: takes the places again that this tab had, unless the player was invited to another room. */
  resume(invitation: Invitation | undefined): void {
    this.parties.resume();
    this.rooms.resume();
    if (invitation?.kind === "room" && invitation.code !== this.rooms.code) this.rooms.leave();
  }

  /** How the player searches; the leader of a party for all its members. */
  search(fallback: Search): Search {
    const { party } = this.parties;
    return party?.leads ? (options) => party.start(options) : fallback;
  }

  createRoom(request: RoomRequest): Promise<void> {
    return this.enterRoom((party, player) =>
      party ? party.createRoom(request) : this.lobby.createRoom({ ...request, ...player }),
    );
  }

  joinRoom(code: string): Promise<void> {
    return this.enterRoom((party, player) => party?.enterRoom(code) ?? this.lobby.joinRoom(code, player));
  }

  leaveRoom(): void {
    this.rooms.leave();
    this.page.goHome();
  }

  /** A room's player goes on with the room's match, never with strangers. */
  backToRoom(room: Room): void {
    this.page.goHome();
    if (room.ticketId && room.matchId) this.followRoom(room);
  }

  /** Keeps the code of the room in the address, so that it can be shared from there. */
  showRoom(code = this.rooms.code): void {
    showRoomInAddress(code);
    if (!code) this.page.menu.invite(undefined);
  }

  async joinParty(code: string): Promise<void> {
    await this.parties.join(code);
    if (this.parties.party) this.page.menu.invite(undefined);
  }

  /** Enters a room; for the whole party where the player leads one. */
  private async enterRoom(ask: (party: Party | undefined, player: PartyOptions) => Promise<Room>): Promise<void> {
    const { menu } = this.page;
    const { party } = this.parties;
    const signal = this.page.newAttempt();
    menu.busy = true;
    try {
      const onBusy = (retryInMs: number): void => menu.showBusy(retryInMs);
      const player = { name: menu.playerName, signal, onBusy };
      const room = await ask(party?.leads ? party : undefined, player);
      if (signal.aborted) room.leave();
      else this.takeRoom(room);
    } catch (error) {
      if (!signal.aborted) menu.fail(error);
    } finally {
      menu.busy = false;
    }
  }

  /** The player is in a room now. A match that is played goes on. */
  private takeRoom(room: Room): void {
    this.rooms.enter(room);
    if (this.page.phases.can("finish")) toast("Your party is in a private room. Leave this match to come along.");
    else this.page.goHome();
  }

  /** A match of the room has begun. */
  private followRoom(room: Room): void {
    if (room.matchId === this.page.matchId || room.matchId === this.rooms.left) return;
    if (this.page.phases.can("search")) void this.page.find({}, `Room ${room.code}`, (options) => room.follow(options));
    else if (this.page.phases.can("finish")) toast("Your room plays its next match. Leave this one to come along.");
  }

  private roomClosed(error: TactusErrorLike): void {
    if (this.page.phases.current === "room") this.page.goHome(error);
    else toast(`You are no longer in the room: ${error.message}`);
  }

  /** The party's leader has started a search. */
  private followParty(party: Party): void {
    if (this.rooms.room) this.rooms.leave();
    if (this.page.phases.can("search"))
      void this.page.find({}, "Your party's match", (options) => party.follow(options));
    else toast("Your party looks for another match. Leave this one to come along.");
  }

  /** A link to a party was opened in this tab. */
  private takeInvitation(): void {
    const invitation = invitationIn(location.href);
    if (invitation?.kind === "party" && invitation.code !== this.parties.party?.code) this.page.menu.invite(invitation);
  }
}
