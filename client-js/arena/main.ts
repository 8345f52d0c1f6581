import { element, errorText, write } from "./dom.ts";
import { identityStore } from "./identity.ts";
import { Page } from "./page.ts";
import { fetchWhenIdle } from "./prefetch.ts";
import { expose } from "./probe.ts";

/** Replaced by the build with the URL of the arena's rules in WebAssembly; empty where the page is built without them. */
declare const ARENA_RULES: string;

/** Shows in the page what keeps it from starting: players do not look into a console. */
async function start(): Promise<void> {
  try {
    const rules = ARENA_RULES || undefined;
    const page = new Page(await identityStore(), rules);
    expose(page);
    page.start();
    element("starting").remove();
    if (rules) fetchWhenIdle(rules);
  } catch (error) {
    const box = element("starting");
    box.classList.add("failed");
    write(box, `The arena can't start in this browser: ${errorText(error)}`);
    throw error;
  }
}

void start();
