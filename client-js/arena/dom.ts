/** The element with this id; the page's markup is fixed, so a missing one is a mistake in the page. */
export function element<T extends HTMLElement = HTMLElement>(id: string): T {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no #${id}`);
  return found as T;
}

/** A new element with text, so that names from the network are never read as markup. */
export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  className = "",
  text = "",
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text) made.textContent = text;
  return made;
}

/** A name from the network: it keeps its own direction, and gives way where there is no room. */
export function nameTag(name: string, className = ""): HTMLElement {
  return make("bdi", `name ${className}`.trim(), name);
}

/** A small line drawing, 24 x 24. */
export function icon(path: string): SVGSVGElement {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  const line = document.createElementNS("http://www.w3.org/2000/svg", "path");
  line.setAttribute("d", path);
  svg.append(line);
  return svg;
}

/** Sets text only when it differs: a write costs a layout. */
export function write(target: HTMLElement, text: string): void {
  if (target.textContent !== text) target.textContent = text;
}

/** Says something for some seconds at the lower edge. */
export function toast(text: string): void {
  const line = make("p", "", text);
  element("toasts").append(line);
  setTimeout(() => line.remove(), 6000);
}

/** The address of a room or party, to be sent to friends. */
export function inviteLink(kind: "room" | "party", code: string): string {
  const link = new URL(location.pathname, location.origin);
  if (kind === "room") link.searchParams.set("room", code);
  else link.hash = `party=${code}`;
  return link.href;
}

/** Puts a link on the clipboard; where that is not allowed, as on plain http, shows it selected in a field. */
export async function copyLink(href: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(href);
    toast("Link copied. Send it to your friends.");
  } catch {
    const dialog = element<HTMLDialogElement>("share");
    const field = element<HTMLInputElement>("share-link");
    field.value = href;
    element("share-close").onclick = () => dialog.close();
    if (!dialog.open) dialog.showModal();
    field.select();
  }
}

/** Waits so long, or until the signal aborts. */
export function rest(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    signal.addEventListener("abort", done);
  });
}

/** Minutes and seconds. */
export function clockText(seconds: number): string {
  const whole = Math.max(0, Math.ceil(seconds));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

/** How long a search lately took: half of them up to here, nine of ten up to there. */
export function waitText(halfMs: number, mostMs: number): string {
  const half = Math.ceil(halfMs / 1000);
  const most = Math.ceil(mostMs / 1000);
  if (half <= 0) return "soon";
  return most > half ? `${half} to ${most} s` : `${half} s`;
}

/** An error as a sentence with its number, if it has one. */
export function errorText(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code } = error as { code?: unknown };
  const sentence = error.message.charAt(0).toUpperCase() + error.message.slice(1);
  return typeof code === "number" && code > 0 ? `${sentence.replace(/\.$/, "")} (error ${code}).` : sentence;
}
