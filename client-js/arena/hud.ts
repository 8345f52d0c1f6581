import type { Entity, Match, Unsubscribe } from "../src/index.ts";
import { clockText, copyLink, element, icon, inviteLink, make, nameTag, toast, write } from "./dom.ts";
import { slotColor } from "./palette.ts";
import { emotes } from "./scene.ts";
import { ScoreTable } from "./scoretable.ts";
import { notSentText, noticeText } from "./sentences.ts";
import { openReport, type SendReport } from "./report.ts";
import type { Silence } from "./silence.ts";
import type { Sound } from "./sound.ts";
import { standings } from "./standings.ts";
import { events, phases, tables, weapons } from "./tables.ts";
import type { KillEvent, MatchRow, ShipRow } from "./tables.ts";

const refreshMs = 150;
/** A long scoreboard is brought up to date less often. */
const longRefreshMs = 1000;
const longBoard = 40;
/** Without a snapshot for so long the connection is weak. */
const weakMs = 500;
const feedLines = 5;
const feedMs = 6000;
const chatLines = 7;
const chatMs = 9000;
const weaponIcons: Record<number, string> = {
  [weapons.pulse]: "M4 12H13M17 12H20M13 8 17 12 13 16",
  [weapons.rail]: "M2 12H22M12 5A7 7 0 1 1 12 19 7 7 0 0 1 12 5",
};

/** The elements over the match: time, score, kills, chat, scoreboard, emotes. */
export class Hud {
  private readonly stop = new AbortController();
  private readonly unsubscribe: Unsubscribe[];
  private readonly scoreboard = element("scoreboard");
  private readonly chatForm = element<HTMLFormElement>("chat-form");
  private readonly chatText = element<HTMLInputElement>("chat-text");
  private readonly scores: ScoreTable;
  private scoresHeld = false;
  private scoresPinned = false;
  private nextRefresh = 0;
  private lastBeat = -1;
  private slowSince = performance.now();
  private snapshots = 0;
  private snapshotAt = performance.now();
  private nextScores = 0;

  constructor(
    private readonly match: Match,
    private readonly sound: Sound,
    private readonly silence: Silence,
    room: string,
    leave: () => void,
    report: SendReport,
  ) {
    this.scores = new ScoreTable(element("scores"), {
      isMuted: (name) => silence.isMuted(name),
      toggle: (name) => silence.toggle(name),
      report: (slot, name) => openReport(slot, name, report),
    });
    for (const list of ["feed", "chat-lines"]) element(list).replaceChildren();
    element("hud").hidden = false;
    this.buildEmotes();
    this.wireButtons(room, leave);
    this.wireChat();
    addEventListener("wheel", (event) => this.scroll(event), { signal: this.stop.signal, passive: true });
    this.unsubscribe = [
      match.onEvent<KillEvent>(events.kill, (event) => this.addKill(event)),
      match.on("chat", (slot, text) => this.addChat(slot, text)),
      match.on("notice", (code, text) => toast(noticeText(code, text))),
    ];
  }

  dispose(): void {
    this.stop.abort();
    for (const stop of this.unsubscribe) stop();
    element("hud").hidden = true;
    this.scoreboard.hidden = true;
    this.chatForm.hidden = true;
  }

  holdScores(held: boolean): void {
    this.scoresHeld = held;
    this.showScores();
  }

  openChat(): void {
    if (!this.silence.chat) return toast("Chat is off. Turn it on in the scoreboard.");
    this.chatForm.hidden = false;
    this.chatText.focus();
  }

  toggleSound(): void {
    element("mute").setAttribute("aria-pressed", String(this.sound.toggle()));
  }

  /** Shows an emote to everyone; the answer says how many ticks until the next one. */
  emote(index: number): void {
    const bar = element("emotes");
    bar.classList.remove("open");
    if (bar.classList.contains("cooling")) return;
    this.match.request("emote", [index]).then(
      ([ticks = 0]) => this.cool(bar, (ticks / this.match.tickRate) * 1000),
      () => undefined,
    );
  }

  /** Brings the texts up to date; cheap enough for every frame. */
  update(now: number, own: (Entity & ShipRow) | undefined): void {
    if (this.match.stats.snapshots !== this.snapshots) {
      this.snapshots = this.match.stats.snapshots;
      this.snapshotAt = now;
    }
    if (now < this.nextRefresh) return;
    this.nextRefresh = now + refreshMs;
    const row = this.match.single<MatchRow>(tables.match);
    if (row) this.updateClock(row);
    this.updateCountdown(row, own);
    this.updateStanding();
    this.updateNotice(now);
    if (!this.scoreboard.hidden && now >= this.nextScores) this.renderScores(now);
  }

  private updateClock(row: MatchRow): void {
    const seconds = (row.endsAt - this.match.predictedTick) / this.match.tickRate;
    const playing = row.phase === phases.playing;
    write(
      element("time"),
      row.endsAt > 0 && playing ? clockText(seconds) : playing ? "" : row.phase === phases.over ? "0:00" : "Warm-up",
    );
    element("clock").classList.toggle("late", playing && row.endsAt > 0 && seconds <= 10);
    const sides = element("sides");
    if (row.teams < 2) {
      sides.replaceChildren();
      return;
    }
    const text = row.teamScore.join(" ");
    if (sides.dataset.text === text) return;
    sides.dataset.text = text;
    sides.replaceChildren(
      ...row.teamScore.map((score, team) => {
        const side = make("b", "", String(score));
        side.style.color = slotColor(0, team, -1);
        side.setAttribute("aria-label", `Team ${team + 1}: ${score}`);
        return side;
      }),
    );
  }

  private updateCountdown(row: MatchRow | undefined, own: (Entity & ShipRow) | undefined): void {
    const box = element("countdown");
    const [label, until] = countdown(row, own);
    const seconds = (until - this.match.predictedTick) / this.match.tickRate;
    box.hidden = label === "" || seconds <= 0;
    if (box.hidden) {
      this.lastBeat = -1;
      return;
    }
    const left = Math.ceil(seconds);
    write(box.children[0] as HTMLElement, label);
    write(box.children[1] as HTMLElement, String(left));
    if (left !== this.lastBeat && left <= 3) this.sound.beat(left === 1);
    this.lastBeat = left;
  }

  private updateStanding(): void {
    const own = standings(this.match).find((standing) => standing.slot === this.match.slot);
    write(element("score"), String(own?.score ?? 0));
    write(element("rank"), own ? `#${own.rank}` : "");
  }

  private updateNotice(now: number): void {
    const notice = element("notice");
    const percent = this.match.stats.clockPercent;
    if (percent <= 0 || percent >= 95) this.slowSince = now;
    const silentMs = now - this.snapshotAt;
    const slow = now - this.slowSince > 1000;
    const weak = silentMs > weakMs;
    notice.classList.toggle("weak", weak);
    if (weak) write(notice, `Weak connection: nothing heard for ${(silentMs / 1000).toFixed(1)} s`);
    else if (slow) write(notice, `The server is busy: time runs at ${Math.round(percent)} %`);
    notice.hidden = !weak && !slow;
  }

  private addKill(event: KillEvent): void {
    const line = make("li", event.killer === this.match.slot || event.victim === this.match.slot ? "mine" : "");
    if (event.killer !== event.victim && this.match.roster.has(event.killer)) line.append(this.nameOf(event.killer));
    line.append(icon(weaponIcons[event.weapon] ?? weaponIcons[weapons.pulse]!), this.nameOf(event.victim));
    const feed = element("feed");
    feed.append(line);
    while (feed.children.length > feedLines) feed.firstElementChild?.remove();
    setTimeout(() => line.remove(), feedMs);
  }

  private nameOf(slot: number): HTMLElement {
    const entry = this.match.roster.get(slot);
    const name = nameTag(slot === this.match.slot ? "You" : (entry?.name ?? "?"));
    name.style.color = slotColor(slot, entry?.team ?? -1, this.match.slot);
    return name;
  }

  private addChat(slot: number, text: string): void {
    const name = this.match.roster.get(slot)?.name;
    if (!this.silence.chat || (name !== undefined && this.silence.isMuted(name))) return;
    this.addLine("", this.nameOf(slot), text);
  }

  private addLine(className: string, name: HTMLElement, text: string, note = ""): void {
    const line = make("li", className);
    line.append(name, " ", make("bdi", "", text));
    if (note) line.append(make("small", "", note));
    const lines = element("chat-lines");
    lines.append(line);
    while (lines.children.length > chatLines) lines.firstElementChild?.remove();
    setTimeout(() => line.classList.add("old"), chatMs);
  }

  /** Shows a line that was not sent to its author, with the reason. */
  private async say(text: string): Promise<void> {
    const { sent, reason } = await this.match.chat(text);
    if (!sent && !this.stop.signal.aborted)
      this.addLine("failed", this.nameOf(this.match.slot), text, notSentText(reason));
  }

  private wireButtons(room: string, leave: () => void): void {
    const on = (id: string, action: () => unknown): void => {
      const button = element(id);
      button.addEventListener(
        "click",
        () => {
          action();
          button.blur();
        },
        { signal: this.stop.signal },
      );
    };
    on("leave", leave);
    on("mute", () => this.toggleSound());
    on("touch-chat", () => this.openChat());
    on("chat-toggle", () => this.showChat(this.silence.toggleChat()));
    this.showChat(this.silence.chat);
    on("touch-emote", () => element("emotes").classList.toggle("open"));
    on("show-scores", () => {
      this.scoresPinned = !this.scoresPinned;
      this.showScores();
    });
    element("mute").setAttribute("aria-pressed", String(this.sound.enabled));
    const chip = element("room-chip");
    chip.hidden = room === "";
    write(chip, `Room ${room}`);
    chip.title = "Copy the link to this room";
    on("room-chip", () => void copyLink(inviteLink("room", room)));
  }

  private showChat(on: boolean): void {
    element("chat").hidden = !on;
    element("chat-toggle").setAttribute("aria-pressed", String(on));
    write(element("chat-toggle"), on ? "Chat is on" : "Chat is off");
  }

  private wireChat(): void {
    const options = { signal: this.stop.signal };
    const close = (): void => {
      this.chatForm.hidden = true;
      this.chatText.value = "";
      this.chatText.blur();
    };
    this.chatForm.addEventListener(
      "submit",
      (event) => {
        event.preventDefault();
        const text = this.chatText.value.trim();
        if (text) void this.say(text);
        close();
      },
      options,
    );
    this.chatText.addEventListener(
      "keydown",
      (event) => {
        if (event.key === "Escape") close();
        event.stopPropagation();
      },
      options,
    );
  }

  private buildEmotes(): void {
    const bar = element("emotes");
    bar.classList.remove("cooling");
    bar.replaceChildren(
      ...emotes.map((text, index) => {
        const button = make("button");
        button.type = "button";
        button.append(make("i", "", String(index + 1)), text);
        button.addEventListener("click", () => {
          this.emote(index);
          button.blur();
        });
        return button;
      }),
    );
  }

  private cool(bar: HTMLElement, milliseconds: number): void {
    bar.style.setProperty("--cooldown", `${milliseconds}ms`);
    bar.classList.add("cooling");
    setTimeout(() => bar.classList.remove("cooling"), milliseconds);
  }

  private showScores(): void {
    const shown = this.scoresHeld || this.scoresPinned;
    element("show-scores").setAttribute("aria-pressed", String(this.scoresPinned));
    const opens = shown && this.scoreboard.hidden;
    this.scoreboard.hidden = !shown;
    if (!opens) return;
    this.renderScores(performance.now());
    this.scores.reveal();
  }

  private renderScores(now: number): void {
    const list = standings(this.match);
    this.nextScores = now + (list.length > longBoard ? longRefreshMs : 0);
    this.scores.show(
      list,
      this.match.slot,
      this.match.mode.teams,
      this.match.single<MatchRow>(tables.match)?.teamScore,
    );
  }

  /** The wheel turns the scoreboard wherever the pointer is: it stays at the sight. */
  private scroll(event: WheelEvent): void {
    if (!this.scoreboard.hidden && !this.scoreboard.contains(event.target as Node))
      this.scoreboard.scrollTop += event.deltaY;
  }
}

/** What is being waited for and the tick it comes in. */
function countdown(row: MatchRow | undefined, own: (Entity & ShipRow) | undefined): [string, number] {
  if (row?.phase === phases.warmUp) return ["The match starts in", row.endsAt];
  if (own && own.hp <= 0 && row?.phase === phases.playing) return ["Shot down. Back in", own.respawnAt];
  return ["", 0];
}
