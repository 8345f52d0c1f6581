/**
 * Names and chat as the server cleans them (internal/text, where the rules and
 * their reasons are): what is cleaned here arrives unchanged. Both sides read
 * internal/text/testdata/vectors.json.
 */

/** A player's name has at most so many characters (code points). */
const maxName = 24;

/** Makes a player's name of what was typed; "" when nothing is left that shows. It is cut between the characters that a reader sees. */
export function cleanName(name: string): string {
  let kept = "";
  for (const character of cleaned(name).match(
    /(?:\p{RI}{2}|.)(?:\u200d\p{ExtPict}|[\p{M}\p{EMod}\p{DI}\u0e33\u0eb3]){0,15}/gu,
  ) ?? []) {
    if ([...kept, ...character].length > maxName) break;
    kept += character;
  }
  return cleaned(kept); // a joiner at the end joins nothing
}

/** Makes a text of any length of what was typed; "" when nothing is left that shows. */
export function cleaned(text: string): string {
  return (
    text
      .replace(/\p{White_Space}/gu, " ")
      // What never shows goes: an unassigned character is kept only where it can be an emoji newer than this engine.
      // Joiners, U+FE0F and tags stay in a keycap, a flag, an emoji; joiners also in the scripts that join.
      .replace(
        /(?!\p{ExtPict})[\p{C}\p{DI}\u2800\ufffd]|([\d#*]\ufe0f\u20e3|\u{1f3f4}[\u{e0030}-\u{e007a}]{3,6}\u{e007f}|\p{ExtPict}\ufe0f?\p{EMod}?(?:\u200d\p{ExtPict}\ufe0f?\p{EMod}?){0,3}|(?!\p{M})[\u0600-\u1cff\ua800-\uabff\u{10a00}-\u{1e95f}](?:(?!\p{DI})\p{M})*\p{Join_C}(?=\p{M}*(?![\p{M}\p{C}\p{DI}])[\u0600-\u1cff\ua800-\uabff\u{10a00}-\u{1e95f}]))/gu,
        "$1",
      )
      .normalize()
      // At most three marks on a character, none on nothing.
      .replace(
        /(^| )[\p{Mn}\p{Me}\p{Join_C}]+|((?:\p{Join_C}?[\p{Mn}\p{Me}]){3})(?:\p{Join_C}?[\p{Mn}\p{Me}])+\p{Join_C}?/gu,
        "$1$2",
      )
      .replace(/ +/g, " ")
      .trim()
  );
}
