/** What the page does next: its phases, and the events that lead from one to another. */

/** What the page is doing; body[data-phase] has it too, for the style sheet. */
export type Phase = "menu" | "room" | "searching" | "resuming" | "playing" | "reconnecting" | "result";

export type PageEvent =
  /** Nothing is played. The player is at the menu, or in their room. */
  | "openMenu"
  | "openRoom"
  /** A search for a match begins. */
  | "search"
  /** The page was reloaded and takes the seat again that this tab had. */
  | "resume"
  /** The player has a seat in a match. */
  | "join"
  /** The connection to the match is lost, and is back. */
  | "disconnect"
  | "reconnect"
  /** The seat is gone. A search for another match begins. */
  | "loseSeat"
  /** The match has a result. */
  | "finish";

const home = { openMenu: "menu", openRoom: "room" } as const;

/** The next phase by phase and event. An event that a phase does not list changes nothing. */
export const transitions: Readonly<Record<Phase, Readonly<Partial<Record<PageEvent, Phase>>>>> = {
  menu: { ...home, search: "searching", resume: "resuming" },
  room: { ...home, search: "searching" },
  searching: { ...home, search: "searching", join: "playing" },
  resuming: { ...home, join: "playing", loseSeat: "reconnecting" },
  playing: { ...home, disconnect: "reconnecting", loseSeat: "reconnecting", finish: "result" },
  reconnecting: { ...home, reconnect: "playing", join: "playing", loseSeat: "reconnecting", finish: "result" },
  result: { ...home, search: "searching" },
};

/** Something that phases show over the picture. */
export interface Part {
  close(): void;
}

/** The phase that the page is in. It closes what a phase shows when that phase ends. */
export class Phases {
  current: Phase = "menu";

  /** entered is called with each new phase, before what it shows is opened. */
  constructor(
    private readonly shown: Readonly<Record<Phase, readonly Part[]>>,
    private readonly entered: (phase: Phase) => void,
  ) {}

  /** Whether the event leads anywhere from here. */
  can(event: PageEvent): boolean {
    return transitions[this.current][event] !== undefined;
  }

  /** Goes where the event leads, if anywhere: closes what the next phase does not show, and calls open for what it does. */
  go(event: PageEvent, open: () => void = () => {}): void {
    const next = transitions[this.current][event];
    if (!next) return;
    for (const part of this.shown[this.current]) if (!this.shown[next].includes(part)) part.close();
    this.current = next;
    this.entered(next);
    open();
  }
}
