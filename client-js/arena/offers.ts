import type { OptionInfo } from "../src/lobby.ts";

/** Tells which values of a mode's options a room may have. All, where the server does not say which options there are. */
export function offersOf(options: readonly OptionInfo[]): (name: string, value: number) => boolean {
  return (name, value) => {
    const known = options.find((option) => option.name === name);
    if (!known) return options.length === 0;
    return known.min < known.max && known.min <= value && value <= known.max;
  };
}
