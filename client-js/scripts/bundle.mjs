// How the SDK is bundled, shared by the build and the size test.

import { join } from "node:path";

/** Options of esbuild for the package at root. */
export function bundleOptions(root) {
  return {
    entryPoints: [join(root, "src", "index.ts")],
    bundle: true,
    minify: true,
    target: "es2022",
    legalComments: "none",
    logLevel: "warning",
  };
}
