/** Players who search together. */

import type { Client } from "./client.ts";
import { Emitter } from "./emitter.ts";
import type { Match, PartyEvents, PartyMember, PartyMembership, PlayOptions, TactusErrorLike, Unsubscribe } from "./types.ts";

/** A party as the matchmaker tells it; fields with their zero value are missing. */
interface Told {
  members?: Partial<PartyMember>[];
  ticketId?: string;
}

/**
 * A party, as one of its members sees it. It is watched as long as the page lives;
 * a member whom nobody watches for ten seconds leaves it.
 */
export class Party {
  /** What to keep for Lobby.resumeParty. */
  readonly membership: PartyMembership;
  members: readonly PartyMember[] = [];
  /** The own ticket in the party's present search; empty without one. */
  ticketId = "";
  readonly #client: Client;
  readonly #watching = new AbortController();
  readonly #emitter = new Emitter<PartyEvents>();
  #told = false;

  /** @internal */
  constructor(client: Client, membership: PartyMembership) {
    this.#client = client;
    this.membership = membership;
    void this.#watch();
  }

  /** Tell it to friends. */
  get code(): string {
    return this.membership.code;
  }

  /** Whether the player leads, and so may start. */
  get leads(): boolean {
    return this.members.some((member) => member.you && member.leader);
  }

  get closed(): boolean {
    return this.#watching.signal.aborted;
  }

  on<K extends keyof PartyEvents>(name: K, callback: PartyEvents[K]): Unsubscribe {
    return this.#emitter.on(name, callback);
  }

  /** As leader: searches for all members, and joins. The others hear it by the event "search". */
  start(options: PlayOptions = {}): Promise<Match> {
    return this.#client.quickPlay({ ...options, party: this.membership.memberId });
  }

  /** As member: follows the search that the leader has started, and joins. Aborting it cancels the search for all. */
  async follow(options: PlayOptions = {}): Promise<Match> {
    if (!this.ticketId) throw new TypeError("the party does not search");
    return this.#client.quickPlay({ ...options, ticketId: this.ticketId });
  }

  /** Leaves the party; its search is cancelled. */
  leave(): void {
    if (this.closed) return;
    this.#watching.abort();
    const { memberId } = this.membership;
    // The page may be closing: the farewell has to outlive it.
    this.#client.matchmaker.call("LeaveParty", { memberId }, undefined, true).catch(() => {});
  }

  async #watch(): Promise<void> {
    const { signal } = this.#watching;
    const request = { memberId: this.membership.memberId };
    try {
      await this.#client.matchmaker.follow<Told>("WatchParty", request, (told) => this.#take(told), signal);
    } catch (error) {
      if (signal.aborted) return;
      this.#watching.abort();
      this.#emitter.emit("close", error as TactusErrorLike);
    }
  }

  #take({ members = [], ticketId = "" }: Told): boolean {
    const begun = ticketId !== "" && ticketId !== this.ticketId;
    const first = !this.#told;
    this.#told = true;
    this.members = members.map((member) => ({ playerId: "", playerName: "", leader: false, you: false, ...member }));
    this.ticketId = ticketId;
    this.#emitter.emit("change", this.members);
    // A leader knows what he started, unless the page is a new one.
    if (begun && (first || !this.leads)) this.#emitter.emit("search", ticketId);
    return false;
  }
}
