import { cleanName } from "../src/text.ts";
import type { ModeInfo, OpenMatch } from "../src/lobby.ts";
import { partyCode } from "./party.ts";
import type { Choice, Queues } from "./queues.ts";
import { browserStore } from "./storage.ts";
import { Problem } from "./countdown.ts";
import { clockText, element, make, write } from "./dom.ts";

const nameKey = "tactus.name";
const modeKey = "tactus.mode";
const refreshMs = 4000;
/** While no modes are known: the server is still starting. */
const firstTryMs = 700;

/** What the menu asks for. */
export interface MenuActions {
  play(choice: Choice): void;
  createRoom(mode: string): void;
  joinRoom(code: string): void;
  joinParty(code: string): void;
  leaderboard(choice: Choice): void;
  joinMatch(matchId: string, mode: string): void;
  modes(): Promise<ModeInfo[]>;
  openMatches(): Promise<OpenMatch[]>;
  /** The name of the party's leader, who starts; empty when the player may start. */
  leader(): string;
  inParty(): boolean;
}

/** The room or party that a link leads to. */
export interface Invitation {
  kind: "room" | "party";
  code: string;
}

/** The way in: name, mode, play, rooms, parties, open matches. */
export class Menu {
  private readonly name = element<HTMLInputElement>("name");
  private readonly problem = new Problem(element("menu-error"));
  private modes: ModeInfo[] = [];
  private choices: readonly Choice[] = [];
  private invitation: Invitation | undefined;
  private timer = 0;
  private isOpen = false;
  /** While an answer is waited for, nothing else is begun. */
  busy = false;

  constructor(
    private readonly actions: MenuActions,
    private readonly queues: Queues,
  ) {
    this.name.value = browserStore.getItem(nameKey) ?? "";
    this.name.addEventListener("change", () => browserStore.setItem(nameKey, (this.name.value = this.playerName)));
    element("play-form").addEventListener("submit", (event) => {
      event.preventDefault();
      if (!actions.leader()) this.act(() => (this.invitation ? this.join(this.invitation) : actions.play(this.choice)));
    });
    element("play-public").addEventListener("click", () => this.invite(undefined));
    element("create-room").addEventListener("click", () => this.act(() => actions.createRoom(this.choice.mode)));
    element("modes").addEventListener("change", () => this.update());
    element("show-leaderboard").addEventListener("click", () => actions.leaderboard(this.choice));
    element("room-form").addEventListener("submit", (event) => {
      event.preventDefault();
      const field = element<HTMLInputElement>("room-code");
      const invitation = invitationIn(field.value);
      if (invitation) this.act(() => this.join(invitation));
      else this.fail(new Error("type a room's or a party's code, or paste its link"));
    });
    document.addEventListener("visibilitychange", () => void this.refresh());
  }

  get playerName(): string {
    return cleanName(this.name.value);
  }

  /** What is chosen to be played. */
  get choice(): Choice {
    const checked = element("modes").querySelector<HTMLInputElement>("input:checked");
    const value = checked?.value ?? browserStore.getItem(modeKey) ?? "";
    return (
      this.choices.find((choice) => choice.value === value) ?? {
        value,
        mode: value,
        queue: "",
        title: "a match",
        note: "",
        away: false,
      }
    );
  }

  /** The title of what is played by a mode's, or a queue's, name. */
  titleOf(name: string, unknown = "a match"): string {
    const choice = this.choices.find(({ value, queue }) => value === name || queue === name);
    return choice?.title ?? this.modes.find((mode) => mode.name === name)?.title ?? unknown;
  }

  /** Offers this room or party as what to play, or takes the offer back. */
  invite(invitation: Invitation | undefined): void {
    this.invitation = invitation;
    this.update();
  }

  /** Brings the buttons in step with the choice, the invitation and the party. */
  update(): void {
    const { invitation, actions } = this;
    const leader = actions.leader();
    const play = element<HTMLButtonElement>("play");
    if (leader) write(play, `${leader} starts the match`);
    else if (invitation) write(play, `Join ${invitation.kind} ${invitation.code}`);
    else write(play, actions.inParty() ? "Play with your party" : "Play now");
    play.setAttribute("aria-disabled", String(leader !== ""));
    element("modes").hidden = invitation !== undefined || leader !== "";
    element("play-public").hidden = invitation === undefined;
    element("show-leaderboard").hidden = invitation !== undefined || !this.queues.rated(this.choice.queue);
    element("create-party").hidden = !this.queues.takesParties;
    element("with-room").hidden = leader !== "";
    write(element("create-room"), actions.inParty() ? "Take the party to a private room" : "Create a private room");
  }

  private join({ kind, code }: Invitation): void {
    if (kind === "room") this.actions.joinRoom(code);
    else this.actions.joinParty(code);
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
    this.problem.show(error);
  }

  /** The server is busy, and is asked again in so long. */
  showBusy(retryInMs: number): void {
    this.problem.showBusy(retryInMs);
  }

  /** Says what keeps the player from playing, and what they can do. */
  offer(text: string, ways: readonly (readonly [label: string, action: () => void])[]): void {
    const { box } = this.problem;
    this.problem.clear();
    box.hidden = false;
    box.replaceChildren(
      make("span", "", text),
      ...ways.map(([label, action]) => {
        const button = make("button", "", label);
        button.type = "button";
        button.addEventListener("click", () => this.act(action));
        return button;
      }),
    );
  }

  private act(action: () => void): void {
    if (this.busy) return;
    this.fail(undefined);
    browserStore.setItem(nameKey, this.playerName);
    browserStore.setItem(modeKey, this.choice.value);
    action();
  }

  /** Asks the matchmaker what there is, and again after a while, as long as the menu is shown. */
  private async refresh(): Promise<void> {
    clearTimeout(this.timer);
    if (document.hidden || !this.isOpen) return;
    try {
      let modes = await this.actions.modes();
      // A matchmaker that has just started knows no servers yet.
      if (modes.length === 0) modes = this.modes.map((mode) => ({ ...mode, away: true }));
      if (JSON.stringify(modes) !== JSON.stringify(this.modes)) this.showModes(modes);
      this.showMatches(await this.actions.openMatches());
    } catch {
      this.showMatches([], "The matchmaker does not answer. Trying again.");
    }
    clearTimeout(this.timer);
    if (this.isOpen)
      this.timer = window.setTimeout(() => void this.refresh(), this.modes.length > 0 ? refreshMs : firstTryMs);
  }

  private showModes(modes: ModeInfo[]): void {
    this.modes = modes;
    this.choices = this.queues.choices(modes);
    const known = this.choices.find(({ value }) => value === this.choice.value) ?? this.choices[0];
    element("modes").replaceChildren(
      make("legend", "", "Mode"),
      ...this.choices.map((choice) => modeChoice(choice, choice === known)),
    );
    this.update();
  }

  private showMatches(matches: OpenMatch[], none = "None right now. Play now opens one."): void {
    const people = matches.reduce((sum, match) => sum + match.people, 0);
    write(element("crowd"), matches.length > 0 ? `${people} ${people === 1 ? "pilot" : "pilots"} flying` : "");
    const list = element("matches");
    if (matches.length === 0) {
      element("matches-rated").hidden = true;
      list.replaceChildren(make("li", "none", none));
      return;
    }
    element("matches-rated").hidden = !matches.some((match) => match.rated);
    if (list.contains(document.activeElement)) return;
    list.replaceChildren(...matches.slice(0, 8).map((match) => this.matchLine(match)));
  }

  private matchLine(match: OpenMatch): HTMLElement {
    const line = make("li");
    const button = make("button");
    button.type = "button";
    button.append(
      make("span", "", this.titleOf(match.mode)),
      make("span", "rated", match.rated ? "rated" : ""),
      make("span", "seats", `${match.people} / ${match.seats}`),
      make("span", "age", clockText(match.ageSeconds)),
    );
    if (match.rated) button.setAttribute("aria-describedby", "matches-rated");
    button.addEventListener("click", () => this.act(() => this.actions.joinMatch(match.matchId, match.mode)));
    line.append(button);
    return line;
  }
}

function modeChoice(choice: Choice, checked: boolean): HTMLElement {
  const label = make("label");
  const input = make("input");
  input.type = "radio";
  input.name = "mode";
  input.value = choice.value;
  input.checked = checked;
  const text = make("span", choice.away ? "away" : "", choice.title);
  text.append(make("small", "", choice.away ? "servers are away" : choice.note));
  label.append(input, text);
  return label;
}

/** The invitation in a text that was typed, pasted or opened, if there is one. */
export function invitationIn(text: string): Invitation | undefined {
  const party = partyCode(text);
  if (party) return { kind: "party", code: party };
  const room = roomCode(text);
  return room ? { kind: "room", code: room } : undefined;
}

/** The room's code in a text that was typed or pasted; empty when there is none. */
function roomCode(text: string): string {
  const trimmed = text.trim();
  const linked = /[?&]room=([^&#\s]+)/.exec(trimmed)?.[1];
  const code = (linked ? decodeURIComponent(linked) : trimmed).toUpperCase().replace(/[\s-]/g, "");
  return /^[A-Z0-9]{3,16}$/.test(code) ? code : "";
}
