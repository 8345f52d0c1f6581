import type { Match, MatchResult, Proposal, SearchProgress } from "../src/index.ts";
import type { PlayerRating } from "../src/lobby.ts";
import { Countdown } from "./countdown.ts";
import { element, write } from "./dom.ts";
import { ScoreTable } from "./scoretable.ts";
import { busyText, estimateText, searchText } from "./sentences.ts";
import { finalStandings, verdict } from "./standings.ts";
import { type MatchRow, tables } from "./tables.ts";

/** What is pressed within this time after a dialog opened was meant for the game. */
const settleMs = 450;

/** A modal dialog whose buttons call what open() was given. */
export class Modal {
  protected readonly dialog: HTMLDialogElement;
  private readonly buttons: HTMLButtonElement[];
  private settled = false;
  private wanted = false;
  private actions = new Map<string, () => void>();

  /** cancelId is the button that Escape stands for, firstId one that gets the focus once it may be pressed. */
  constructor(
    id: string,
    private readonly cancelId: string,
    private readonly firstId = "",
  ) {
    this.dialog = element<HTMLDialogElement>(id);
    this.buttons = [...this.dialog.querySelectorAll("button")];
    this.dialog.addEventListener("cancel", (event) => {
      event.preventDefault();
      if (this.settled) this.act(this.cancelId);
    });
    // A browser may close a dialog by itself when Escape is pressed again and again.
    this.dialog.addEventListener("close", () => {
      if (this.wanted) this.act(this.cancelId);
    });
    for (const button of this.buttons) button.addEventListener("click", () => this.act(button.id));
  }

  get isOpen(): boolean {
    return this.dialog.open;
  }

  close(): void {
    this.wanted = false;
    if (this.dialog.open) this.dialog.close();
  }

  protected show(actions: Record<string, () => void>): void {
    this.actions = new Map(Object.entries(actions));
    this.wanted = true;
    if (this.dialog.open) return;
    this.settle(false);
    setTimeout(() => this.settle(true), settleMs);
    this.dialog.showModal();
  }

  private settle(settled: boolean): void {
    this.settled = settled;
    for (const button of this.buttons) button.disabled = !settled;
    if (settled && this.wanted && this.firstId) element(this.firstId).focus();
  }

  private act(id: string): void {
    this.actions.get(id)?.();
  }
}

/** The search for a match. */
export class SearchDialog extends Modal {
  private timer = 0;
  private proposed = false;
  private started = 0;
  private newest: SearchProgress | undefined;
  private readonly busy = new Countdown(element("search-state"));

  constructor() {
    super("search", "search-cancel");
  }

  open(title: string, cancel: () => void): void {
    this.proposed = false;
    write(element("search-title"), title);
    this.ask();
    write(element("search-estimate"), "soon");
    write(element("search-players"), "1");
    this.started = performance.now();
    this.newest = undefined;
    this.tick();
    clearInterval(this.timer);
    this.timer = window.setInterval(() => this.tick(), 250);
    this.show({ "search-cancel": cancel });
  }

  progress(progress: SearchProgress): void {
    this.proposed ||= progress.state === "proposed";
    this.newest = progress;
    this.busy.stop();
    if (progress.retryInMs > 0) this.busy.start(progress.retryInMs, busyText, () => this.ask());
    else write(element("search-state"), searchText(progress, this.proposed && progress.state === "searching"));
    write(element("search-players"), String(Math.max(1, progress.searching)));
    this.tick();
  }

  private ask(): void {
    write(element("search-state"), "Asking the matchmaker");
  }

  private tick(): void {
    const waitedMs = performance.now() - this.started;
    write(element("search-waited"), `${Math.floor(waitedMs / 1000)} s`);
    if (this.newest) write(element("search-estimate"), estimateText(this.newest, waitedMs));
  }

  override close(): void {
    clearInterval(this.timer);
    this.busy.stop();
    super.close();
  }
}

/** A match was found: the player accepts or declines it. */
export class ProposalDialog extends Modal {
  private timer = 0;
  private matchId = "";
  private readonly title = document.title;

  constructor() {
    super("proposal", "proposal-decline", "proposal-accept");
  }

  /** Shows how the proposal stands. It returns true when it is a new one. */
  open(proposal: Proposal, decline: () => void): boolean {
    const isNew = this.matchId !== proposal.matchId || !this.isOpen;
    if (isNew) this.close();
    this.matchId = proposal.matchId;
    this.answered(proposal.acceptedByYou);
    write(element("proposal-ready"), `${proposal.accepted} of ${proposal.players} are ready.`);
    this.countDown(proposal.acceptWithinMs, isNew);
    const accept = (): void => {
      this.answered(true);
      // Should it come too late, the search itself says how it goes on.
      proposal.accept().catch(() => {});
    };
    document.title = `Match found! - ${this.title}`;
    this.show({ "proposal-accept": accept, "proposal-decline": decline });
    return isNew;
  }

  override close(): void {
    clearInterval(this.timer);
    this.matchId = "";
    document.title = this.title;
    super.close();
  }

  private answered(accepted: boolean): void {
    const hadFocus = element("proposal-actions").contains(document.activeElement);
    element("proposal-actions").hidden = accepted;
    write(element("proposal-state"), accepted ? "Waiting for the others." : "Are you there?");
    if (accepted && hadFocus) element("proposal-title").focus();
  }

  private countDown(milliseconds: number, isNew: boolean): void {
    const ends = performance.now() + milliseconds;
    const fuse = element("proposal-fuse");
    if (isNew) fuse.dataset.whole = String(Math.max(1, milliseconds));
    const tick = (): void => {
      const left = Math.max(0, ends - performance.now());
      write(element("proposal-left"), String(Math.ceil(left / 1000)));
      fuse.style.scale = `${Math.min(1, left / Number(fuse.dataset.whole))} 1`;
    };
    tick();
    clearInterval(this.timer);
    this.timer = window.setInterval(tick, 100);
  }
}

/** The connection is gone, and the page works on it. */
export class ReconnectDialog extends Modal {
  private timer = 0;

  constructor() {
    super("reconnect", "reconnect-cancel");
  }

  open(title: string, text: string, cancel: () => void): void {
    write(element("reconnect-title"), title);
    write(element("reconnect-state"), text);
    if (!this.isOpen) {
      const started = performance.now();
      const tick = (): void =>
        write(element("reconnect-waited"), `for ${Math.floor((performance.now() - started) / 1000)} s`);
      tick();
      this.timer = window.setInterval(tick, 250);
    }
    this.show({ "reconnect-cancel": cancel });
  }

  override close(): void {
    clearInterval(this.timer);
    super.close();
  }
}

/** Asks before a seat is given up. */
export class PauseDialog extends Modal {
  constructor() {
    super("pause", "stay");
  }

  /** room: the player stays in a private room. */
  open(leave: () => void, room: boolean): void {
    write(
      element("pause-text"),
      room ? "It goes on without you. You stay in the room." : "It goes on without you, and your seat is given away.",
    );
    this.show({ stay: () => this.close(), "leave-now": leave });
  }
}

/** The match is over. */
export class ResultDialog extends Modal {
  private timer = 0;
  private leaderboard: () => void = () => {};

  constructor() {
    super("result", "to-menu");
  }

  open(match: Match, result: MatchResult, actions: { again: () => void; menu: () => void }): void {
    const list = finalStandings(match, result);
    const { teams, title } = match.mode;
    write(element("result-kicker"), title);
    write(element("result-title"), verdict(list, match.slot, teams));
    const table = new ScoreTable(element("result-table"));
    table.show(list, match.slot, teams, match.single<MatchRow>(tables.match)?.teamScore);
    this.countDown(result.nextMs);
    element("result-rated").hidden = true;
    write(element("result-rating"), "");
    this.show({ again: actions.again, "to-menu": actions.menu, "result-leaderboard": () => this.leaderboard() });
    table.reveal();
  }

  override close(): void {
    clearInterval(this.timer);
    super.close();
  }

  /** The match is rated: there is a leaderboard to look at. */
  offerLeaderboard(open: () => void): void {
    this.leaderboard = open;
    element("result-rated").hidden = false;
  }

  /** The rating is there; it comes some time after the result. */
  rate({ rating, last }: PlayerRating): void {
    if (!last) return;
    const points = Math.round(last.pointsAfter);
    const gain = points - Math.round(last.pointsBefore);
    const rank = rating.rank > 0 ? `, rank ${rating.rank}` : "";
    write(element("result-rating"), `Rating ${points} (${gain < 0 ? "\u2212" : "+"}${Math.abs(gain)})${rank}`);
  }

  private countDown(milliseconds: number): void {
    const ends = performance.now() + milliseconds;
    const tick = (): void => {
      const left = Math.ceil((ends - performance.now()) / 1000);
      write(element("result-next"), left > 0 ? `This match closes in ${left} s.` : "This match is closed.");
    };
    tick();
    clearInterval(this.timer);
    this.timer = window.setInterval(tick, 250);
  }
}
