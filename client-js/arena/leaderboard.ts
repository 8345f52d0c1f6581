import type { Lobby, Rating } from "../src/lobby.ts";
import { Modal } from "./dialogs.ts";
import { element, errorText, make, nameTag, write } from "./dom.ts";

/** The best that are shown, and how many around a player further down. */
const best = 20;
const around = 5;

interface Board {
  top: Rating[];
  /** The player's neighbours, where the player is further down. */
  near: Rating[];
  players: number;
  own: Rating | undefined;
}

/** A queue's best players, and the player's own rank. */
export class LeaderboardDialog extends Modal {
  private asked = 0;

  constructor(
    private readonly lobby: Lobby,
    private readonly playerId: () => string,
  ) {
    super("leaderboard", "leaderboard-close");
  }

  open(queue: string, title: string): void {
    write(element("leaderboard-title"), title);
    element("leaderboard-table").replaceChildren();
    write(element("leaderboard-state"), "Asking the matchmaker");
    this.show({ "leaderboard-close": () => this.close() });
    void this.fill(queue);
  }

  private async fill(queue: string): Promise<void> {
    const turn = ++this.asked;
    try {
      const board = await this.ask(queue);
      if (turn === this.asked && this.isOpen) this.render(board);
    } catch (error) {
      if (turn === this.asked) write(element("leaderboard-state"), errorText(error));
    }
  }

  private async ask(queue: string): Promise<Board> {
    const id = this.playerId();
    const [{ ratings: top, players }, own] = await Promise.all([
      this.lobby.leaderboard(queue, { limit: best }),
      id ? this.lobby.rating(queue, id).then(({ rating }) => rating) : undefined,
    ]);
    const far = own && own.rank > best;
    const near = far ? (await this.lobby.leaderboard(queue, { around: id, limit: around })).ratings : [];
    return { top, near: near.filter((rating) => rating.rank > best), players, own };
  }

  private render({ top, near, players, own }: Board): void {
    const body = make("tbody");
    body.append(...top.map((rating) => line(rating, own?.playerId)));
    if (near.length > 0) {
      const gap = make("tr", "gap");
      const cell = make("td", "", "...");
      cell.colSpan = 5;
      gap.append(cell);
      body.append(gap, ...near.map((rating) => line(rating, own?.playerId)));
    }
    element("leaderboard-table").replaceChildren(head(), body);
    write(element("leaderboard-state"), standing(players, own));
    element("leaderboard-table").querySelector("tr.own")?.scrollIntoView({ block: "nearest" });
  }
}

function standing(players: number, own: Rating | undefined): string {
  const ranked = players === 1 ? "1 pilot is ranked." : `${players || "No"} pilots are ranked.`;
  if (!own || own.matches === 0) return `${ranked} Play to be rated.`;
  if (own.rank === 0) return `${ranked} Your rating is ${Math.round(own.points)}; a few more matches will rank you.`;
  return `${ranked} You are #${own.rank}.`;
}

function head(): HTMLElement {
  const titles = make("tr");
  for (const [title, className] of [
    ["", "rank"],
    ["Pilot", ""],
    ["Rating", "number"],
    ["Matches", "number extra"],
    ["Wins", "number extra"],
  ]) {
    const cell = make("th", className, title);
    cell.scope = "col";
    titles.append(cell);
  }
  const section = make("thead");
  section.append(titles);
  return section;
}

function line(rating: Rating, ownId: string | undefined): HTMLTableRowElement {
  const own = rating.playerId === ownId;
  const row = make("tr", own ? "own" : "");
  const who = make("td", "who");
  const box = make("div");
  box.append(nameTag(rating.playerName || rating.playerId));
  if (own) box.append(make("span", "tag", "you"));
  who.append(box);
  row.append(
    make("td", "rank", String(rating.rank)),
    who,
    make("td", "number", String(Math.round(rating.points))),
    make("td", "number extra", String(rating.matches)),
    make("td", "number extra", String(rating.wins)),
  );
  return row;
}
