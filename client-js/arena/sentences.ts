/** Texts of the page for the numbers and names of the client. */

import { CloseCode } from "../src/codes.ts";
import type { SearchProgress, TactusErrorLike, WaitingFor } from "../src/index.ts";
import type { Phase } from "./transitions.ts";
import { clockText, errorText, waitText } from "./dom.ts";

/** What a screen reader hears when the phase changes. */
export const announcements: Record<Phase, string> = {
  menu: "",
  room: "In the room",
  searching: "Searching for a match",
  resuming: "Taking your seat again",
  playing: "In the match",
  reconnecting: "Connection lost",
  result: "Match over",
};

/** A time that is left, in seconds, or from two minutes on in minutes and seconds. */
function leftText(milliseconds: number): string {
  const seconds = Math.ceil(milliseconds / 1000);
  return seconds < 120 ? `${seconds} s` : clockText(seconds);
}

/** The matchmaker refused for now, and is asked again. */
export function busyText(retryInMs: number): string {
  return `The server is busy. Trying again in ${leftText(retryInMs)}.`;
}

/** A player has left or declined matches and has to wait: the error, with the time that is left now. */
export function cooldownText(error: TactusErrorLike, leftMs: number): string {
  const message = error.message.replace(/ in [\dhms.]+$/, "");
  return errorText(Object.assign(new Error(`${message}: ${leftText(leftMs)} left`), { code: error.code }));
}

const waits: Record<WaitingFor, string> = {
  "": "Looking for the best match",
  NO_SERVER: "No game server is running right now. The search goes on until one is.",
  NO_CAPACITY: "All seats are taken. You get the next one that is free.",
  NO_OPPONENTS: "Waiting for more pilots to search.",
  RULES: "The pilots who search do not fit yet. The longer you wait, the more do.",
  COOLDOWN: "You declined a match a moment ago. The search goes on after a short pause.",
};

/** What a search is doing, or what it waits for; failed: a match was proposed and not all players accepted. */
export function searchText(
  { state, waitingFor }: Pick<SearchProgress, "state" | "waitingFor">,
  failed = false,
): string {
  if (state === "joining") return "Taking your seat";
  if (state !== "searching") return "Match found";
  if (failed) return "Somebody was not there. You keep your place.";
  return waits[waitingFor] ?? waits[""];
}

/** How long the search may take in all: never less than the time waited, and nothing where it is unknown. */
export function estimateText(progress: Omit<SearchProgress, "state">, waitedMs = progress.waitedMs): string {
  const { estimatedWaitMs: half, estimatedWaitP90Ms: most, waitingFor } = progress;
  if (waitingFor === "NO_SERVER" || waitingFor === "NO_CAPACITY") return "unknown";
  const waited = Math.max(waitedMs, progress.waitedMs);
  if (half > waited) return waitText(half, most);
  if (most > waited) return `up to ${waitText(most, most)}`;
  return waited < 1000 ? "soon" : "unknown";
}

/** Title and sentence for a connection that is gone for now, by what its close said. */
export function lostText(code: number): readonly [title: string, text: string] {
  switch (code) {
    case CloseCode.Restart:
      return ["The server restarts", "Your seat is kept. You play on when it is back."];
    case CloseCode.Draining:
      return ["The server goes away", "The match goes on elsewhere. Taking your seat there."];
    case CloseCode.Moved:
      return ["The match moves", "It goes on at another server. Taking your seat there."];
    case CloseCode.Slow:
      return ["Your connection is too slow", "The server could not send you the match. Trying again."];
    case CloseCode.Idle:
      return ["Connection lost", "The server heard nothing from you. Trying to get back to your seat."];
    default:
      return ["Connection lost", "Trying to get back to your seat."];
  }
}

/** What a seat that can't be had again was lost by. */
export function seatLostText(code: number): string {
  return code === CloseCode.UnknownSession ? "The server was restarted." : "Your old match could not be reached.";
}

/** A word of the server to its players, by its number. */
export function noticeText(code: number, text: string): string {
  if (code === CloseCode.Draining) return "The server restarts after this match.";
  if (code === CloseCode.Restart) return "The server restarts in a moment. Your seat is kept.";
  return text;
}

const refusals: Record<string, string> = {
  busy: "too much in too short a time",
  too_long: "it is too long",
  bad_text: "nothing of it can be shown",
  muted: "your chat was turned off by an operator",
  closed: "the match can't be reached",
  timeout: "the server did not answer",
};

/** Why a line of chat was not sent. */
export function notSentText(reason: string): string {
  return `not sent: ${refusals[reason] ?? (reason.replaceAll("_", " ") || "the server refused it")}`;
}

/** What a room waits for. */
export interface RoomView {
  matchId: string;
  owns: boolean;
  ready: boolean;
  message: string;
  members: readonly { playerName: string; owner: boolean; ready: boolean; you: boolean }[];
}

/** Where a room stands; finished is the match that the player has seen the end of. */
export function roomText(room: RoomView, finished = ""): string {
  const { members } = room;
  if (members.length === 0) return "Asking for the room";
  if (room.matchId && room.matchId === finished) return "The last match closes. The next one can start in a moment.";
  if (room.matchId) return "A match is being played.";
  if (room.message) return `The match could not start: ${room.message}`;
  const others = room.owns
    ? ""
    : `${members.find((member) => member.owner)?.playerName ?? "The owner"} can start the match. `;
  if (members.length === 1) return "Send the link to your friends, or start against bots.";
  const ready = members.filter((member) => member.ready).length;
  if (ready === 0) return `${others}It starts by itself when all are ready.`;
  return `${others}${ready} of ${members.length} are ready.`;
}
