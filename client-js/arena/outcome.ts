import type { Lobby } from "../src/lobby.ts";
import type { Match, MatchResult } from "../src/index.ts";
import { ResultDialog } from "./dialogs.ts";
import { element, write } from "./dom.ts";
import type { LeaderboardDialog } from "./leaderboard.ts";
import type { Play } from "./play.ts";
import type { Queues } from "./queues.ts";

/** The end of a match: its result, the rating after it, and what comes next. */
export class Outcome {
  private readonly dialog = new ResultDialog();
  private shown = new AbortController();

  constructor(
    private readonly lobby: Lobby,
    private readonly queues: Queues,
    private readonly leaderboard: LeaderboardDialog,
    private readonly titleOf: (queue: string, mode: string) => string,
  ) {}

  open({ match, room }: Play, result: MatchResult, actions: { again: () => void; menu: () => void }): void {
    this.shown = new AbortController();
    this.dialog.open(match, result, actions);
    // A room's matches are not rated.
    if (!room) void this.showRating(match, result, this.shown.signal);
  }

  close(): void {
    this.shown.abort();
    this.dialog.close();
  }

  /** In a party the leader starts the next match; leader is their name, empty where the player may start it. */
  offerNext(leader: string, inRoom: boolean): void {
    const waits = leader !== "" && !inRoom;
    write(element("again"), waits ? `${leader} starts the next` : inRoom ? "Back to the room" : "Play again");
    write(element("to-menu"), inRoom ? "Leave the room" : "Back to menu");
    element("again").setAttribute("aria-disabled", String(waits));
  }

  /** The rating after the match, where there is one: it takes the server some time. */
  private async showRating(
    { id, player, queue, mode }: Match,
    result: MatchResult,
    signal: AbortSignal,
  ): Promise<void> {
    await this.queues.learn();
    if (!this.queues.rated(queue) || signal.aborted) return;
    this.dialog.offerLeaderboard(() => this.leaderboard.open(queue, this.titleOf(queue, mode.title)));
    // A match against bots alone is not rated.
    if (result.results.filter((line) => !line.bot).length < 2) return;
    const rating = await this.lobby.ratingAfter({ id, player, queue }, signal).catch(() => undefined);
    if (rating && !signal.aborted) this.dialog.rate(rating);
  }
}
