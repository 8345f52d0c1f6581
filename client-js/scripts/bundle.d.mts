import type { BuildOptions } from "esbuild";

/** Members that get short names in the bundle. */
export const internalMembers: string[];

/** Options of esbuild for an entry point of the package at root. */
export function bundleOptions(root: string, entry?: string): BuildOptions;

/** What the package exports: files by their names in dist, what they are made from, and the global of the script. */
export const entries: Record<"tactus" | "lobby" | "simulation", { entry: string; global: string }>;

/** Bytes of what a page has to load, after gzip. */
export function sizes(root: string): Promise<{ whole: number; withoutPrediction: number; lobby: number }>;
