import type { Match, MatchResult } from "../src/index.ts";
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

/** The players by rank, best first. */
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
  list.forEach(
    (standing, i) => (standing.rank = i > 0 && list[i - 1]!.score === standing.score ? list[i - 1]!.rank : i + 1),
  );
  return list;
}

/** A result in the shape of standings, kills and deaths as last seen. */
export function finalStandings(match: Match, result: MatchResult): Standing[] {
  const last = new Map(standings(match).map((standing) => [standing.slot, standing]));
  return result.results
    .map((line) => ({
      ...line,
      connected: true,
      kills: last.get(line.slot)?.kills,
      deaths: last.get(line.slot)?.deaths,
    }))
    .sort((a, b) => a.rank - b.rank || b.score - a.score || a.slot - b.slot);
}

/** A team's lines, best first. */
export interface TeamStanding {
  team: number;
  /** Equal totals share a rank. */
  rank: number;
  total: number;
  lines: Standing[];
}

/** The lines by their teams, the best team first. totals are the teams' own, where they are known: points of players who left count too. */
export function teamStandings(
  list: readonly Standing[],
  teams: number,
  totals: readonly number[] = [],
): TeamStanding[] {
  const sides = Array.from({ length: teams }, (_, team): TeamStanding => {
    const lines = list.filter((line) => line.team === team);
    return { team, rank: 0, total: totals[team] ?? lines.reduce((sum, line) => sum + line.score, 0), lines };
  });
  for (const side of sides) side.rank = 1 + sides.filter((other) => other.total > side.total).length;
  return sides.sort((a, b) => a.rank - b.rank || a.team - b.team);
}

/** A result in one sentence. Equal ranks of all are a draw. */
export function verdict(list: readonly Standing[], ownSlot: number, teams: number): string {
  const own = list.find((line) => line.slot === ownSlot);
  const winners = list.filter((line) => line.rank === 1);
  if (!own || winners.length === 0) return "Match over";
  const won = own.rank === 1;
  if (teams > 0) {
    if (winners.some((line) => line.team !== winners[0]!.team)) return "A draw";
    return won ? "Your team wins" : "The other team wins";
  }
  if (winners.length > 1 && winners.length === list.length) return "A draw";
  if (won) return winners.length > 1 ? "You share first place" : "You win";
  const names = winners.slice(0, 2).map((line) => isolated(line.name));
  return `${names.join(" and ")} won, you are #${own.rank}`;
}

/** A name within a sentence, whatever direction it is written in. */
function isolated(name: string): string {
  return `\u2068${name}\u2069`;
}
