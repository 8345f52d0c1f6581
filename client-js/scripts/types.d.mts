/** The text of tactus.d.ts: an ES module, and the global Tactus for script tags. */
export function flattenTypes(root: string): string;
