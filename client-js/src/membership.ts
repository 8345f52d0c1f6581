/** The common part of parties and rooms: a member's place in a group, which is watched. */

import type { Client, TactusErrorLike, Unsubscribe } from "./index.ts";
import { Emitter } from "./emitter.ts";
import type { Membership, MembershipEvents } from "./api/lobby.ts";
import type { CreatePartyResponse, CreateRoomResponse } from "./matchmakerv1.ts";
import { Refusal } from "./refusal.ts";

/** A member without news for so long was cut off, not replaced. */
const cutOffMs = 8000;

/** The answer to CreateParty, JoinParty, CreateRoom and JoinRoom. */
export type Joined = CreatePartyResponse & CreateRoomResponse;

/**
 * A party or a room, as one of its members sees it. It is watched as long as the
 * page lives. A member without a watch leaves it after ten seconds.
 */
export abstract class Group<Member extends { you: boolean }, Events extends MembershipEvents<Member>> {
  /** What to keep, for Lobby.resumeParty or Lobby.resumeRoom. It changes when the player was taken out and came back. */
  membership: Membership;
  /** Longest there first. */
  members: readonly Member[] = [];
  /** The own ticket in the present search; empty without one. */
  ticketId = "";
  protected readonly client: Client;
  readonly #kind: "Party" | "Room";
  readonly #watching = new AbortController();
  readonly #emitter = new Emitter<Record<string, (...args: never[]) => void>>();
  #received = false;
  #receivedAt: number;

  /** @internal */
  constructor(client: Client, kind: "Party" | "Room", membership: Membership, resumed = false) {
    this.#receivedAt = resumed ? -Infinity : performance.now();
    this.client = client;
    this.#kind = kind;
    this.membership = membership;
    void this.#watch();
  }

  /** The code by which friends join. */
  get code(): string {
    return this.membership.code;
  }

  get closed(): boolean {
    return this.#watching.signal.aborted;
  }

  on<K extends keyof Events>(name: K, callback: Events[K]): Unsubscribe {
    return this.#emitter.on(name as string, callback as never);
  }

  leave(): void {
    if (this.closed) return;
    this.#watching.abort();
    // The page may be closing: this call must outlive it.
    this.call(`Leave${this.#kind}`, {}, undefined, true).catch(() => {});
  }

  /** Takes over the state that the matchmaker sends; first is true for the first state of this page. */
  protected abstract update(state: object, first: boolean): void;

  protected emit(name: keyof Events & string, ...args: unknown[]): void {
    this.#emitter.emit(name, ...(args as never[]));
  }

  /** A call as this member. */
  protected call<Answer>(method: string, request: object, signal?: AbortSignal, keepalive?: boolean): Promise<Answer> {
    return this.client.matchmaker.call(method, { memberId: this.membership.memberId, ...request }, signal, keepalive);
  }

  /** Reports the members, and a new search unless the player has begun it. */
  protected show(members: readonly Member[], ticketId: string, own: boolean): void {
    const begun = ticketId !== "" && ticketId !== this.ticketId;
    this.members = members;
    this.ticketId = ticketId;
    this.emit("change", members);
    if (begun && !own) this.emit("search", ticketId);
  }

  async #watch(): Promise<void> {
    const { signal } = this.#watching;
    const take = (state: object): boolean => {
      const first = !this.#received;
      this.#received = true;
      this.#receivedAt = performance.now();
      this.update(state, first);
      return false;
    };
    while (!signal.aborted) {
      try {
        await this.client.matchmaker.follow(`Watch${this.#kind}`, { memberId: this.membership.memberId }, take, signal);
      } catch (error) {
        if (signal.aborted || (await this.#comeBack(error as TactusErrorLike))) continue;
        this.#watching.abort();
        this.emit("close", error);
      }
    }
  }

  /** A member that was removed while the page was cut off joins again by the code. */
  async #comeBack({ code }: TactusErrorLike): Promise<boolean> {
    if (code !== Refusal.notFound || performance.now() - this.#receivedAt < cutOffMs) return false;
    this.#receivedAt = performance.now();
    try {
      const request = { [`${this.#kind.toLowerCase()}Code`]: this.code };
      const { memberId = "", playerId = "" } = await this.client.matchmaker.enter<Joined>(
        `Join${this.#kind}`,
        request,
        this.#watching.signal,
      );
      this.membership = { ...this.membership, memberId, playerId };
      return true;
    } catch {
      return this.closed;
    }
  }
}
