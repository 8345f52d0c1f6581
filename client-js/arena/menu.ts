import type { ModeInfo, OpenMatch } from "../src/types.ts";
import { clockText, element, errorText, make, write } from "./page.ts";

const nameKey = "tactus.name";
const modeKey = "tactus.mode";
const refreshMs = 4000;
/** While no modes are known: the server is still starting. */
const firstTryMs = 700;

/** What the menu asks for. */
export interface MenuActions {
  play(mode: string): void;
  createRoom(mode: string): void;
  joinRoom(code: string): void;
  joinMatch(matchId: string, mode: string): void;
  modes(): Promise<ModeInfo[]>;
  openMatches(): Promise<OpenMatch[]>;
}

/** The way in: name, mode, play, rooms, open matches. */
export class Menu {
  private readonly name = element<HTMLInputElement>("name");
  private modes: ModeInfo[] = [];
  private room = "";
  private timer = 0;
  private isOpen = false;

  constructor(private readonly actions: MenuActions) {
    this.name.value = localStorage.getItem(nameKey) ?? "";
    this.name.addEventListener("change", () => localStorage.setItem(nameKey, this.playerName));
    element("play-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.act(() => (this.room ? actions.joinRoom(this.room) : actions.play(this.mode)));
    });
    element("play-public").addEventListener("click", () => this.invite(""));
    element("create-room").addEventListener("click", () => this.act(() => actions.createRoom(this.mode)));
    element("room-form").addEventListener("submit", (event) => {
      event.preventDefault();
      const code = roomCode(element<HTMLInputElement>("room-code").value);
      if (code) this.act(() => actions.joinRoom(code));
      else this.fail(new Error("type a room's code, or paste its link"));
    });
    document.addEventListener("visibilitychange", () => void this.refresh());
  }

  get playerName(): string {
    return this.name.value.trim().slice(0, 24);
  }

  get mode(): string {
    const chosen = element("modes").querySelector<HTMLInputElement>("input:checked");
    return chosen?.value ?? localStorage.getItem(modeKey) ?? "";
  }

  /** The mode's title, for the search. */
  titleOf(mode: string): string {
    return this.modes.find((choice) => choice.name === mode)?.title ?? "a match";
  }

  /** Offers this room as what to play; an empty code takes the offer back. */
  invite(code: string): void {
    this.room = code;
    write(element("play"), code ? `Join room ${code}` : "Play now");
    element("modes").hidden = code !== "";
    element("play-public").hidden = code === "";
  }

  open(): void {
    this.isOpen = true;
    void this.refresh();
  }

  close(): void {
    this.isOpen = false;
    clearTimeout(this.timer);
  }

  /** Says what went wrong, with its number; nothing clears it. */
  fail(error: unknown): void {
    const box = element("menu-error");
    box.hidden = error === undefined;
    write(box, error === undefined ? "" : errorText(error));
  }

  private act(action: () => void): void {
    this.fail(undefined);
    localStorage.setItem(nameKey, this.playerName);
    localStorage.setItem(modeKey, this.mode);
    action();
  }

  /** Asks the matchmaker what there is, and again after a while, as long as the menu is to be seen. */
  private async refresh(): Promise<void> {
    clearTimeout(this.timer);
    if (document.hidden || !this.isOpen) return;
    try {
      if (this.modes.length === 0) this.showModes(await this.actions.modes());
      this.showMatches(await this.actions.openMatches());
    } catch {
      this.showMatches([], "The matchmaker does not answer. Trying again.");
    }
    clearTimeout(this.timer);
    if (this.isOpen) this.timer = window.setTimeout(() => void this.refresh(), this.modes.length > 0 ? refreshMs : firstTryMs);
  }

  private showModes(modes: ModeInfo[]): void {
    const known = modes.some((mode) => mode.name === this.mode) ? this.mode : modes[0]?.name;
    this.modes = modes;
    const fieldset = element("modes");
    fieldset.replaceChildren(make("legend", "", "Mode"), ...modes.map((mode) => modeChoice(mode, mode.name === known)));
  }

  private showMatches(matches: OpenMatch[], none = "None right now. Play now opens one."): void {
    const people = matches.reduce((sum, match) => sum + match.people, 0);
    write(element("crowd"), matches.length > 0 ? `${people} ${people === 1 ? "pilot" : "pilots"} flying` : "");
    const list = element("matches");
    if (matches.length === 0) {
      list.replaceChildren(make("li", "none", none));
      return;
    }
    if (list.contains(document.activeElement)) return;
    list.replaceChildren(...matches.slice(0, 8).map((match) => this.matchLine(match)));
  }

  private matchLine(match: OpenMatch): HTMLElement {
    const line = make("li");
    const button = make("button");
    button.type = "button";
    button.append(
      make("span", "", this.titleOf(match.mode)),
      make("span", "seats", `${match.people} / ${match.seats}`),
      make("span", "age", clockText(match.ageSeconds)),
    );
    button.addEventListener("click", () => this.act(() => this.actions.joinMatch(match.matchId, match.mode)));
    line.append(button);
    return line;
  }
}

function modeChoice(mode: ModeInfo, checked: boolean): HTMLElement {
  const label = make("label");
  const input = make("input");
  input.type = "radio";
  input.name = "mode";
  input.value = mode.name;
  input.checked = checked;
  const text = make("span", "", mode.title);
  text.append(make("small", "", mode.maxPlayers === 2 ? "1 on 1" : `up to ${mode.maxPlayers}`));
  label.append(input, text);
  return label;
}

/** The code in what somebody typed or pasted; empty when there is none. */
export function roomCode(text: string): string {
  const trimmed = text.trim();
  const linked = /[?&]room=([^&#\s]+)/.exec(trimmed)?.[1];
  const code = (linked ? decodeURIComponent(linked) : trimmed).toUpperCase().replace(/[\s-]/g, "");
  return /^[A-Z0-9]{3,16}$/.test(code) ? code : "";
}
