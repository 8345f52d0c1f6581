import type { EndReason, Match, PlayOptions, Proposal, SearchProgress, TactusErrorLike } from "../src/index.ts";
import { ProposalDialog, SearchDialog } from "./dialogs.ts";
import { element, rest, write } from "./dom.ts";
import type { Sound } from "./sound.ts";

const longestRetryMs = 8000;
/** The player declined a match, or did not accept it in time. */
const declined: EndReason = "DECLINED";
/** Ends of a search that are shown, and not searched over. */
const final = new Set<string | undefined>([declined, "COOLDOWN", "BANNED"]);

/** Searches and joins: for the player, for their party, or in a room. */
export type Search = (options: PlayOptions) => Promise<Match>;

/** What the searches ask of the page. */
export interface SearchActions {
  /** What all searches have in common. */
  options(): PlayOptions;
  /** The player gives the search up, or declines a match. */
  cancel(): void;
}

/** The search for a match, and the question whether the player accepts the one that was found. */
export class Searches {
  private readonly dialog = new SearchDialog();
  private readonly proposal = new ProposalDialog();

  constructor(
    private readonly sound: Sound,
    private readonly actions: SearchActions,
  ) {}

  open(title: string): void {
    this.dialog.open(title, () => this.actions.cancel());
  }

  close(): void {
    this.dialog.close();
    this.proposal.close();
  }

  /** Runs a search. */
  run(search: Search, wanted: PlayOptions, signal: AbortSignal): Promise<Match> {
    const onProgress = (progress: SearchProgress): void => {
      if (!signal.aborted) this.progress(progress);
    };
    return search({ ...this.actions.options(), ...wanted, signal, onProgress });
  }

  /** Runs a search again, with growing pauses, until there is a match, or the player declines one or may not play. attempt is called before each. */
  async runUntilFound(
    search: Search,
    wanted: PlayOptions,
    signal: AbortSignal,
    attempt: (n: number) => void,
  ): Promise<Match> {
    for (let n = 1; ; n++) {
      attempt(n);
      try {
        return await this.run(search, wanted, signal);
      } catch (error) {
        if (signal.aborted || final.has((error as Partial<TactusErrorLike>).reason)) throw error;
      }
      await rest(Math.min(longestRetryMs, 400 * 2 ** n) * (0.75 + Math.random() * 0.5), signal);
      signal.throwIfAborted();
    }
  }

  private progress(progress: SearchProgress): void {
    this.dialog.progress(progress);
    if (progress.proposal) this.ask(progress.proposal);
    else this.proposal.close();
  }

  /** A match was found and waits until its players accept. */
  private ask(proposal: Proposal): void {
    const decline = (): void => {
      // Ending the search says the same, should this not get through.
      proposal.decline().catch(() => {});
      this.actions.cancel();
    };
    if (!this.proposal.open(proposal, decline)) return;
    this.sound.found();
    write(element("announce"), `Match found. Accept it within ${Math.round(proposal.acceptWithinMs / 1000)} seconds.`);
  }
}
