import { make, nameTag, write } from "./dom.ts";
import { allegiance, slotColor } from "./palette.ts";
import { type Standing, teamStandings } from "./standings.ts";

/** Lines that a table shows; a swarm has too many to read. */
const longest = 200;
/** From so many lines on they are lower, so that all of them fit. */
const dense = 9;
const teamNames = ["Blue", "Orange"] as const;

/** Which players are muted; see Silence. */
export interface Muting {
  isMuted(name: string): boolean;
  toggle(name: string): boolean;
  report(slot: number, name: string): void;
}

interface Line {
  row: HTMLTableRowElement;
  cells: Record<"rank" | "score" | "kills" | "deaths", HTMLTableCellElement>;
  mute: HTMLButtonElement | undefined;
  name: string;
}

interface Section {
  table: HTMLTableElement;
  body: HTMLTableSectionElement;
  title: HTMLElement;
  total: HTMLElement;
}

/**
 * A scoreboard or a result: one table, or one for each team. Lines keep their
 * elements while scores change, so that a button in one can be pressed.
 */
export class ScoreTable {
  private readonly lines = new Map<number, Line>();
  private readonly sections = new Map<number, Section>();
  private ownSlot = -1;
  private ownTeam = -1;

  constructor(
    private readonly root: HTMLElement,
    private readonly muting?: Muting,
  ) {
    root.replaceChildren();
  }

  /** Shows the standings; totals are the teams' own. */
  show(list: readonly Standing[], ownSlot: number, teams: number, totals?: readonly number[]): void {
    this.ownSlot = ownSlot;
    this.ownTeam = list.find((line) => line.slot === ownSlot)?.team ?? -1;
    this.root.classList.toggle("dense", list.length >= dense);
    this.root.classList.toggle("teams", teams > 1);
    this.forget(list);
    if (teams < 2) {
      this.fill(
        this.section(-1),
        list,
        list.map((line) => line.rank),
      );
      return;
    }
    const sides = teamStandings(list, teams, totals);
    for (const { team, total, lines } of sides) {
      const section = this.section(team);
      write(section.title, `${teamNames[team] ?? `Team ${team + 1}`}${team === this.ownTeam ? ", your team" : ""}`);
      write(section.total, String(total));
      this.fill(
        section,
        lines,
        lines.map((_, i) => i + 1),
      );
    }
    inOrder(
      this.root,
      sides.map(({ team }) => this.section(team).table),
    );
  }

  /** Brings the own line into view. */
  reveal(): void {
    this.lines.get(this.ownSlot)?.row.scrollIntoView({ block: "nearest" });
  }

  private forget(list: readonly Standing[]): void {
    const there = new Set(list.map((line) => line.slot));
    for (const [slot, { row }] of this.lines) {
      if (there.has(slot)) continue;
      row.remove();
      this.lines.delete(slot);
    }
  }

  private fill(section: Section, list: readonly Standing[], ranks: readonly number[]): void {
    const rows = list.flatMap((standing, i) =>
      i < longest || standing.slot === this.ownSlot ? [this.line(standing, ranks[i]!).row] : [],
    );
    if (rows.length < list.length) {
      const more = make("tr", "gap");
      const cell = make("td", "", `and ${list.length - rows.length} more`);
      cell.colSpan = 6;
      more.append(cell);
      rows.push(more);
    }
    inOrder(section.body, rows);
  }

  private line(standing: Standing, rank: number): Line {
    let line = this.lines.get(standing.slot);
    if (line?.name !== standing.name) {
      line?.row.remove();
      line = this.newLine(standing);
      this.lines.set(standing.slot, line);
    }
    line.row.className = `${standing.slot === this.ownSlot ? "own" : ""} ${standing.connected ? "" : "away"}`.trim();
    write(line.cells.rank, String(rank));
    write(line.cells.score, String(standing.score));
    write(line.cells.kills, String(standing.kills ?? ""));
    write(line.cells.deaths, String(standing.deaths ?? ""));
    if (line.mute && this.muting) showMuted(line.mute, this.muting.isMuted(standing.name));
    return line;
  }

  private newLine({ slot, name, team, bot }: Standing): Line {
    const row = make("tr");
    const number = (className: string): HTMLTableCellElement => make("td", className);
    const cells = {
      rank: number("rank"),
      score: number("number"),
      kills: number("number extra"),
      deaths: number("number extra"),
    };
    const who = make("td", "who");
    const box = make("div");
    const swatch = make("i", `swatch ${allegiance(slot, team, this.ownSlot, this.ownTeam)}`);
    swatch.style.backgroundColor = slotColor(slot, team, this.ownSlot);
    box.append(swatch, nameTag(name));
    if (bot) box.append(make("span", "tag", "bot"));
    if (slot === this.ownSlot) box.append(make("span", "tag", "you"));
    who.append(box);
    row.append(cells.rank, who, cells.score, cells.kills, cells.deaths);
    const { muting } = this;
    if (!muting) return { row, cells, mute: undefined, name };
    const last = make("td", "mute");
    row.append(last);
    if (bot || slot === this.ownSlot) return { row, cells, mute: undefined, name };
    const mute = make("button", "mini", "Mute");
    mute.type = "button";
    mute.setAttribute("aria-label", `Mute ${name}`);
    mute.addEventListener("click", () => {
      showMuted(mute, muting.toggle(name));
      mute.blur();
    });
    const report = make("button", "mini", "Report");
    report.type = "button";
    report.setAttribute("aria-label", `Report ${name}`);
    report.addEventListener("click", () => muting.report(slot, name));
    last.append(mute, report);
    return { row, cells, mute, name };
  }

  private section(team: number): Section {
    const known = this.sections.get(team);
    if (known) return known;
    if (this.sections.size > 0 && (team < 0 || this.sections.has(-1))) this.sections.clear();
    const made = newSection(team, this.muting !== undefined);
    this.sections.set(team, made);
    inOrder(
      this.root,
      [...this.sections.values()].map(({ table }) => table),
    );
    return made;
  }
}

function newSection(team: number, mutes: boolean): Section {
  const table = make("table");
  const titles = make("tr");
  const cell = (className: string, text: string): HTMLTableCellElement => {
    const made = make("th", className, text);
    made.scope = "col";
    titles.append(made);
    return made;
  };
  cell("rank", "");
  const title = cell("team", team < 0 ? "Pilot" : "");
  if (team >= 0) title.style.color = slotColor(0, team, -1);
  const total = cell("number", team < 0 ? "Score" : "");
  if (team >= 0) total.classList.add("total");
  cell("number extra", "Kills");
  cell("number extra", "Deaths");
  if (mutes) cell("mute", "");
  const head = make("thead");
  head.append(titles);
  const body = make("tbody");
  table.append(head, body);
  return { table, body, title, total };
}

function showMuted(button: HTMLButtonElement, muted: boolean): void {
  write(button, muted ? "Muted" : "Mute");
  button.setAttribute("aria-pressed", String(muted));
}

/** Puts the children in order; one that has the focus keeps it. */
function inOrder(parent: HTMLElement, children: readonly HTMLElement[]): void {
  if (parent.children.length === children.length && children.every((child, i) => parent.children[i] === child)) return;
  const focused = document.activeElement;
  const had = focused instanceof HTMLElement && parent.contains(focused);
  parent.replaceChildren(...children);
  if (had) focused.focus();
}
