import type { TactusErrorLike } from "../src/index.ts";
import { errorText, make, write } from "./dom.ts";
import { busyText, cooldownText } from "./sentences.ts";

/** A sentence with a time that runs down. Screen readers hear it once. */
export class Countdown {
  private timer = 0;

  constructor(private readonly box: HTMLElement) {}

  start(milliseconds: number, text: (left: number) => string, over: () => void): void {
    this.stop();
    const end = performance.now() + milliseconds;
    const shown = make("span");
    shown.setAttribute("aria-hidden", "true");
    this.box.replaceChildren(make("span", "sr-only", text(milliseconds)), shown);
    const tick = (): void => {
      const left = end - performance.now();
      if (left > 0) return write(shown, text(left));
      this.stop();
      over();
    };
    this.timer = window.setInterval(tick, 250);
    tick();
  }

  stop(): void {
    clearInterval(this.timer);
  }
}

/** Where a part of the page says what went wrong. */
export class Problem {
  private readonly countdown: Countdown;

  constructor(readonly box: HTMLElement) {
    this.countdown = new Countdown(box);
  }

  /** Shows an error with its number, until the next one; undefined clears it. A player that has to wait sees how long. */
  show(error: unknown): void {
    this.clear();
    if (error === undefined) return;
    this.box.hidden = false;
    const { reason, retryAfterMs = 0 } = Object(error) as Partial<TactusErrorLike>;
    if (reason !== "COOLDOWN" || !retryAfterMs) return write(this.box, errorText(error));
    this.count(retryAfterMs, (left) => cooldownText(error as TactusErrorLike, left));
  }

  /** The server is busy: it is asked again in so long. */
  showBusy(retryInMs: number): void {
    this.clear();
    this.box.hidden = false;
    this.count(retryInMs, busyText);
  }

  clear(): void {
    this.countdown.stop();
    this.box.hidden = true;
    write(this.box, "");
  }

  private count(milliseconds: number, text: (left: number) => string): void {
    this.countdown.start(milliseconds, text, () => this.clear());
  }
}
