import type { ModeInfo, QueueInfo } from "../src/types.ts";

/** What can be played: a mode by its usual queue, or a queue with rules of its own. */
export interface Choice {
  /** Name of the mode, or of the queue. */
  value: string;
  mode: string;
  /** Empty: the usual one of the mode. */
  queue: string;
  title: string;
  note: string;
}

/** What is known of the matchmaker's queues; nothing where it has none. */
export class Queues {
  private list: readonly QueueInfo[] = [];

  constructor(private readonly game: string) {}

  /** Takes what the matchmaker lists. */
  learn(queues: readonly QueueInfo[]): void {
    this.list = queues.filter((queue) => queue.game === this.game);
  }

  /** Whether friends can search together. */
  get takesParties(): boolean {
    return this.list.some((queue) => queue.partyMax > 1);
  }

  /** The rated queue that this choice, or match, is of. */
  rated(choice: { mode: string; queue: string }): QueueInfo | undefined {
    const queue = this.list.find(({ name }) => name === (choice.queue || this.usual(choice.mode)));
    return queue?.rated ? queue : undefined;
  }

  /** The modes, and after them the queues with rules of their own. */
  choices(modes: readonly ModeInfo[]): Choice[] {
    const usual = modes.map(({ name, title, maxPlayers }) => {
      return { value: name, mode: name, queue: "", title, note: maxPlayers === 2 ? "1 on 1" : `up to ${maxPlayers}` };
    });
    const own = this.list.filter((queue) => queue.name !== this.usual(queue.mode) && modes.some((mode) => mode.name === queue.mode));
    return [...usual, ...own.map(choiceOf)];
  }

  private usual(mode: string): string {
    return `${this.game}/${mode}`;
  }
}

function choiceOf(queue: QueueInfo): Choice {
  const words = queue.name.replace(/[-_/.]+/g, " ").trim();
  const size = queue.teams > 1 ? Array(Math.min(queue.teams, 4)).fill(queue.teamMax).join(" on ") : `up to ${queue.teamMax}`;
  return {
    value: queue.name,
    mode: queue.mode,
    queue: queue.name,
    title: words.charAt(0).toUpperCase() + words.slice(1),
    note: queue.rated ? `${size}, rated` : size,
  };
}
