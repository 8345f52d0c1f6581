/** What the player does not want to read. */

import { browserStore, tabStore } from "./storage.ts";

const mutedKey = "tactus.muted";
const chatKey = "tactus.chat";

/** Players are muted by their names, which differ within a match, until the tab is closed. */
export class Silence {
  private readonly muted = new Set(tabStore.getJson<string[]>(mutedKey) ?? []);
  private chatOff = browserStore.getItem(chatKey) === "off";

  isMuted(name: string): boolean {
    return this.muted.has(name);
  }

  /** It returns whether the player is muted now. */
  toggle(name: string): boolean {
    const muted = !this.muted.delete(name);
    if (muted) this.muted.add(name);
    tabStore.setJson(mutedKey, [...this.muted]);
    return muted;
  }

  get chat(): boolean {
    return !this.chatOff;
  }

  /** Turns chat on or off, for this and all later matches. It returns whether it is on. */
  toggleChat(): boolean {
    this.chatOff = !this.chatOff;
    browserStore.setItem(chatKey, this.chatOff ? "off" : "on");
    return this.chat;
  }
}
