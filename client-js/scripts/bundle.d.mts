import type { BuildOptions } from "esbuild";

/** Options of esbuild for the package at root. */
export function bundleOptions(root: string): BuildOptions;
