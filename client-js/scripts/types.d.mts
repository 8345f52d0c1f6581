/** The texts of the .d.ts files by name: each an ES module, and the global for script tags. */
export function bundleTypes(root: string): Promise<Record<"tactus.d.ts" | "lobby.d.ts" | "simulation.d.ts", string>>;
