import type { Lobby, ModeInfo, QueueInfo } from "../src/lobby.ts";
import { Refusal } from "../src/refusal.ts";

/** What can be played: a mode, or a queue with rules of its own. */
export interface Choice {
  /** Name of the mode, or of the queue. */
  value: string;
  mode: string;
  /** Empty where the matchmaker lists none. */
  queue: string;
  title: string;
  note: string;
  /** No server hosts it now; a search waits for one. */
  away: boolean;
}

/** What is known of the matchmaker's queues; nothing where it has none. */
export class Queues {
  private list: readonly QueueInfo[] = [];
  private known = false;

  constructor(
    private readonly lobby: Lobby,
    private readonly game: string,
  ) {}

  /** The modes that can be played, and those whose servers are away; none while the matchmaker still waits for game servers. */
  async modes(): Promise<ModeInfo[]> {
    const { games } = await this.lobby.listGames();
    const modes = games.find((listed) => listed.name === this.game)?.modes ?? [];
    if (modes.length > 0) await this.learn();
    return modes;
  }

  /** Asks what queues there are; a matchmaker that knows none has neither parties nor ratings. */
  async learn(): Promise<void> {
    if (this.known) return;
    try {
      this.list = (await this.lobby.queues()).filter((queue) => queue.game === this.game);
      this.known = this.list.length > 0;
    } catch (error) {
      this.known = (error as { code?: number }).code === Refusal.unimplemented;
    }
  }

  /** Whether friends can search together. */
  get takesParties(): boolean {
    return this.list.some((queue) => queue.partyMax > 1);
  }

  /** The queue by this name, if it is rated. */
  rated(name: string): QueueInfo | undefined {
    return this.list.find((queue) => queue.name === name && queue.rated);
  }

  /** The modes; where a mode has queues with rules of their own, those instead, as the matchmaker does. */
  choices(modes: readonly ModeInfo[]): Choice[] {
    return modes.flatMap((mode) => {
      const usual = `${this.game}/${mode.name}`;
      const ruled = this.list.filter((queue) => queue.mode === mode.name && queue.name !== usual);
      const { away } = mode;
      if (ruled.length > 0) return ruled.map((queue) => ({ ...choiceOf(queue), away }));
      const queue = this.list.some(({ name }) => name === usual) ? usual : "";
      return [{ value: mode.name, mode: mode.name, queue, title: mode.title, note: sizeOf(mode), away }];
    });
  }
}

function sizeOf({ maxPlayers }: ModeInfo): string {
  return maxPlayers === 2 ? "1 on 1" : `up to ${maxPlayers}`;
}

function choiceOf(info: QueueInfo): Omit<Choice, "away"> {
  const { name, mode, teams, teamMax, rated } = info;
  const words = name.replace(/[-_/.]+/g, " ").trim();
  const title = info.title === name ? words.charAt(0).toUpperCase() + words.slice(1) : info.title;
  const players = Math.max(1, teams) * teamMax;
  const size =
    players === 2 || (teams > 1 && teamMax > 1) ? Array(teams).fill(teamMax).join(" on ") : `up to ${players}`;
  return { value: name, mode, queue: name, title, note: rated ? `${size}, rated` : size };
}
