import { compileRules } from "../src/rules.ts";

/** Takes the rules in while the player looks at the menu, so that the first match need not wait for them; not where the player saves data. */
export function fetchWhenIdle(rules: string): void {
  const { connection } = navigator as Navigator & { connection?: { saveData?: boolean } };
  if (connection?.saveData) return;
  // Should they not come now, the match asks again.
  const fetch = (): void => void compileRules(rules).catch(() => {});
  if ("requestIdleCallback" in globalThis) requestIdleCallback(fetch, { timeout: 5000 });
  else setTimeout(fetch, 1500);
}
