/** The page's colours. The two accents carry meaning: cold is you and yours, warm is the rest. */
export const palette = {
  void: "#04070f",
  ink: "#0a1222",
  panel: "#13203a",
  edge: "#3a5a8f",
  text: "#e9eff9",
  muted: "#9db0ce",
  cold: "#5fd0ff",
  warm: "#ffb14d",
  danger: "#ff6f61",
  shield: "#9d8cff",
  repair: "#6fe3a5",
} as const;

/**
 * Hues for single players, told apart by lightness as well as by hue so that
 * they stay apart for readers who see fewer colours. The player's own ship is
 * always cold; none of these comes near it.
 */
const foes = ["#ffb14d", "#ff7a59", "#ffd76a", "#ff8fb0", "#e6c7ff", "#f2f0d8", "#d98a3a", "#ff5f86"] as const;

/** The two sides: light blue and orange, the pair that all kinds of colour vision keep apart. */
const sides = ["#5fb4ff", "#ff9a3d"] as const;

/** Colour of a slot as the player of ownSlot sees it. team is negative in a match without teams. */
export function slotColor(slot: number, team: number, ownSlot: number): string {
  if (team >= 0) return sides[team % sides.length] ?? sides[0];
  if (slot === ownSlot) return palette.cold;
  return foes[slot % foes.length] ?? foes[0];
}

export type Allegiance = "own" | "friend" | "foe";

/** What a slot is to the player of ownSlot; the picture shows it by shape as well as by colour. Without teams all others are foes. */
export function allegiance(slot: number, team: number, ownSlot: number, ownTeam: number): Allegiance {
  if (slot === ownSlot) return "own";
  return team >= 0 && team === ownTeam ? "friend" : "foe";
}

/** rgba() of a #rrggbb colour. */
export function fade(color: string, alpha: number): string {
  const value = Number.parseInt(color.slice(1), 16);
  return `rgba(${value >> 16}, ${(value >> 8) & 255}, ${value & 255}, ${alpha})`;
}
