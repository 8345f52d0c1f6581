import type { Match, MatchResult } from "../src/types.ts";
import { make } from "./page.ts";
import { slotColor } from "./palette.ts";
import { tables } from "./tables.ts";
import type { ScoreRow } from "./tables.ts";

/** One line of a scoreboard or result. Equal scores share a rank. */
export interface Standing {
  rank: number;
  slot: number;
  name: string;
  team: number;
  bot: boolean;
  connected: boolean;
  score: number;
  kills?: number;
  deaths?: number;
}

/** Who stands where now, best first. */
export function standings(match: Match): Standing[] {
  const list: Standing[] = [];
  for (const row of match.entities<ScoreRow>(tables.score)) {
    const entry = match.roster.get(row.slot);
    if (!entry) continue;
    list.push({
      rank: 0,
      slot: row.slot,
      name: entry.name,
      team: row.side,
      bot: entry.bot,
      connected: entry.connected,
      score: row.score,
      kills: row.kills,
      deaths: row.deaths,
    });
  }
  list.sort((a, b) => b.score - a.score || (b.kills ?? 0) - (a.kills ?? 0) || a.slot - b.slot);
  list.forEach((standing, i) => (standing.rank = i > 0 && list[i - 1].score === standing.score ? list[i - 1].rank : i + 1));
  return list;
}

/** A result in the shape of standings, kills and deaths as last seen. */
export function finalStandings(match: Match, result: MatchResult): Standing[] {
  const last = new Map(standings(match).map((standing) => [standing.slot, standing]));
  return result.results
    .map((line) => ({ ...line, connected: true, kills: last.get(line.slot)?.kills, deaths: last.get(line.slot)?.deaths }))
    .sort((a, b) => a.rank - b.rank || a.slot - b.slot);
}

/** Lines that a table shows; in a swarm nobody reads them all. */
const longest = 50;

/** Fills a table element with the best, and with the player's own line wherever that is. */
export function renderStandings(table: HTMLTableElement, list: readonly Standing[], ownSlot: number): void {
  const head = make("thead");
  const titles = make("tr");
  for (const [title, className] of [
    ["", "rank"],
    ["Pilot", ""],
    ["Score", "number"],
    ["Kills", "number extra"],
    ["Deaths", "number extra"],
  ]) {
    const cell = make("th", className, title);
    cell.scope = "col";
    titles.append(cell);
  }
  head.append(titles);
  const body = make("tbody");
  for (const standing of list.filter((line, i) => i < longest || line.slot === ownSlot))
    body.append(renderLine(standing, ownSlot));
  table.replaceChildren(head, body);
}

function renderLine(standing: Standing, ownSlot: number): HTMLTableRowElement {
  const line = make("tr", `${standing.slot === ownSlot ? "own" : ""} ${standing.connected ? "" : "away"}`.trim());
  const who = make("td", "who");
  const swatch = make("i", standing.team === 1 ? "swatch square" : "swatch");
  swatch.style.backgroundColor = slotColor(standing.slot, standing.team, ownSlot);
  who.append(swatch, standing.name);
  if (standing.bot) who.append(make("span", "tag", "bot"));
  if (standing.slot === ownSlot) who.append(make("span", "tag", "you"));
  line.append(make("td", "rank", String(standing.rank)), who, make("td", "number", String(standing.score)));
  line.append(
    make("td", "number extra", String(standing.kills ?? "")),
    make("td", "number extra", String(standing.deaths ?? "")),
  );
  return line;
}
