import type { Lobby, ModeInfo, Room, RoomMembership } from "../src/lobby.ts";
import type { TactusErrorLike } from "../src/index.ts";
import { Problem } from "./countdown.ts";
import { copyLink, element, inviteLink, make, nameTag, write } from "./dom.ts";
import { offersOf } from "./offers.ts";
import { roomText } from "./sentences.ts";
import { tabStore } from "./storage.ts";

const key = "tactus.room";
const retryMs = 2000;
const minuteChoices = [1, 2, 3, 5, 10, 15] as const;
const killChoices = [5, 10, 20, 30, 50] as const;

/** What the room asks of the page. */
export interface RoomActions {
  modes(): Promise<ModeInfo[]>;
  /** The player starts the room's match, or joins the one that runs. */
  start(room: Room): void;
  /** Another member has started a match. */
  search(room: Room): void;
  /** The player wants out. */
  leave(): void;
  /** The room is gone, or the player was taken out of it. */
  closed(error: TactusErrorLike): void;
}

/** What is kept of a room over a reload. */
interface Kept {
  membership: RoomMembership;
  /** The match that the player has left, or seen the end of: the page does not take them back into it. */
  left: string;
}

/** The player's private room: its members, the next match, and which members are ready. */
export class Rooms {
  room: Room | undefined;
  /** See Kept.left. */
  left = "";
  /** The match that has ended here, while the matchmaker does not know it yet. */
  private finished = "";
  private readonly problem = new Problem(element("room-error"));
  private modes: readonly ModeInfo[] = [];
  private isOpen = false;
  private timer = 0;

  constructor(
    private readonly lobby: Lobby,
    private readonly actions: RoomActions,
  ) {
    element("room-copy").addEventListener(
      "click",
      () => this.room && void copyLink(inviteLink("room", this.room.code)),
    );
    element("room-link").addEventListener("focus", () => element<HTMLInputElement>("room-link").select());
    element("room-leave").addEventListener("click", () => actions.leave());
    element("room-settings").addEventListener("change", () => this.attempt((room) => room.set(settings(room))));
    element("room-settings").addEventListener("submit", (event) => event.preventDefault());
    element("room-ready").addEventListener("click", () => this.attempt((room) => room.setReady(!room.ready)));
    element("room-start").addEventListener("click", () => {
      const button = element("room-start");
      if (this.room && button.getAttribute("aria-disabled") !== "true") actions.start(this.room);
    });
  }

  get code(): string {
    return this.room?.code ?? "";
  }

  /** After a reload: takes the place again that this tab had in a room. It returns false when it had none. */
  resume(): boolean {
    const kept = tabStore.getJson<Kept>(key);
    if (!kept?.membership?.memberId) return false;
    this.enter(this.lobby.resumeRoom(kept.membership), kept.left);
    return true;
  }

  enter(room: Room, left = ""): void {
    if (this.room !== room) this.room?.leave();
    this.room = room;
    this.left = left;
    this.finished = "";
    this.keep();
    room.on("change", () => this.changed(room));
    room.on("search", () => this.room === room && this.actions.search(room));
    room.on("close", (error) => this.closed(room, error));
  }

  leave(): void {
    const { room } = this;
    this.forget();
    room?.leave();
  }

  /** The player has left a match of the room, or it is over. */
  away(matchId: string, over: boolean): void {
    this.left = matchId;
    if (over) this.finished = matchId;
    this.keep();
    this.show();
  }

  open(error?: unknown): void {
    this.isOpen = true;
    this.fail(error);
    this.show();
    if (!element("room").contains(document.activeElement)) element("room-title").focus();
    void this.learnModes();
  }

  close(): void {
    this.isOpen = false;
    clearTimeout(this.timer);
  }

  /** Says what went wrong, with its number; nothing clears it. */
  private fail(error: unknown): void {
    this.problem.show(error);
  }

  private keep(): void {
    if (this.room) tabStore.setJson(key, { membership: this.room.membership, left: this.left } satisfies Kept);
  }

  private forget(): void {
    this.room = undefined;
    tabStore.removeItem(key);
  }

  private changed(room: Room): void {
    if (this.room !== room) return;
    this.keep();
    this.show();
  }

  private closed(room: Room, error: TactusErrorLike): void {
    if (this.room !== room) return;
    this.forget();
    this.actions.closed(error);
  }

  private attempt(action: (room: Room) => Promise<void>): void {
    const { room } = this;
    if (!room) return;
    this.fail(undefined);
    action(room).catch((error: unknown) => {
      if (this.room !== room) return;
      this.fail(error);
      this.show();
    });
  }

  private async learnModes(): Promise<void> {
    clearTimeout(this.timer);
    if (this.modes.length > 0) return;
    this.modes = await this.actions.modes().catch(() => []);
    if (this.modes.length > 0) this.show();
    else if (this.isOpen) this.timer = window.setTimeout(() => void this.learnModes(), retryMs);
  }

  private show(): void {
    const { room } = this;
    if (!room || !this.isOpen) return;
    write(element("room-title"), room.code);
    element<HTMLInputElement>("room-link").value = inviteLink("room", room.code);
    write(element("room-count"), room.seats > 0 ? `${room.members.length} of ${room.seats}` : "");
    element("room-members").replaceChildren(
      ...room.members.map(({ playerName, owner, you, ready, playing }) => {
        const line = make("li", ready ? "ready" : "");
        line.append(nameTag(playerName));
        if (you) line.append(make("span", "tag", "you"));
        if (owner) line.append(make("span", "tag", "owner"));
        if (room.matchId && playing) line.append(make("span", "tag", "playing"));
        if (ready) line.append(make("span", "tag ready", "ready"));
        return line;
      }),
    );
    write(element("room-state"), roomText(room, this.finished));
    this.showSettings(room);
    this.showButtons(room);
  }

  private showSettings(room: Room): void {
    element<HTMLFieldSetElement>("room-fields").disabled = !room.owns;
    const modes = this.modes.length > 0 ? this.modes : [{ name: room.mode, title: room.mode, options: [] }];
    choose(
      "room-mode",
      modes.map(({ name, title }) => [name, title]),
      room.mode,
    );
    const { seconds, kills, bots } = room.options;
    const offers = offersOf(modes.find(({ name }) => name === room.mode)?.options ?? []);
    choose(
      "room-minutes",
      [
        ["", "Usual"],
        ...minuteChoices
          .filter((n) => offers("seconds", n * 60))
          .map((n): Option => [`${n * 60}`, n === 1 ? "1 minute" : `${n} minutes`]),
      ],
      chosen(seconds),
      (s) => `${s} seconds`,
    );
    choose(
      "room-kills",
      [
        ["", "Usual"],
        ...[0, ...killChoices]
          .filter((n) => offers("kills", n))
          .map((n): Option => [`${n}`, n === 0 ? "No limit" : `${n} kills`]),
      ],
      chosen(kills),
      (n) => `${n} kills`,
    );
    choose(
      "room-bots",
      [["", "Fill up"], ...(offers("bots", 0) ? [["0", "None"] as const] : [])],
      chosen(bots),
      (n) => n,
    );
  }

  private showButtons(room: Room): void {
    const runs = room.matchId !== "";
    const closing = runs && room.matchId === this.finished;
    const ready = element("room-ready");
    ready.hidden = runs || room.members.length < 2;
    ready.setAttribute("aria-pressed", String(room.ready));
    write(ready, room.ready ? "Not ready" : "Ready");
    const start = element("room-start");
    start.hidden = !runs && !room.owns;
    start.setAttribute("aria-disabled", String(closing));
    write(start, runs && !closing ? "Join the match" : "Start the match");
  }
}

type Option = readonly [value: string, text: string];

function chosen(value: number | undefined): string {
  return value === undefined ? "" : String(value);
}

/** Fills a list to choose from, and chooses; a value that it does not have is added, as say has it. */
function choose(
  id: string,
  options: readonly Option[],
  value: string,
  say: (value: string) => string = (text) => text,
): void {
  const list = element<HTMLSelectElement>(id);
  const all = options.some(([known]) => known === value) ? options : [...options, [value, say(value)] as const];
  const text = all.join();
  if (list.dataset.all !== text) {
    list.dataset.all = text;
    list.replaceChildren(...all.map(([known, title]) => new Option(title, known)));
  }
  list.value = value;
}

/** What the fields say; options that they do not show stay. */
function settings(room: Room): { mode: string; options: Record<string, number> } {
  const options = { ...room.options };
  for (const [id, name] of [
    ["room-minutes", "seconds"],
    ["room-kills", "kills"],
    ["room-bots", "bots"],
  ] as const) {
    const { value } = element<HTMLSelectElement>(id);
    if (value === "") delete options[name];
    else options[name] = Number(value);
  }
  return { mode: element<HTMLSelectElement>("room-mode").value, options };
}
