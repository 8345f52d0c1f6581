// How the SDK is bundled, shared by the build and the size test.

import { join } from "node:path";

/** Options of esbuild for an entry point of the package at root. */
export function bundleOptions(root, entry = "index") {
  return {
    entryPoints: [join(root, "src", `${entry}.ts`)],
    bundle: true,
    minify: true,
    target: "es2022",
    legalComments: "none",
    logLevel: "warning",
  };
}

/** What the package exports: files by their names in dist, what they are made from, and the global of the script. */
export const entries = {
  tactus: { entry: "index", global: "Tactus" },
  lobby: { entry: "lobby", global: "TactusLobby" },
  simulation: { entry: "simulation", global: "TactusSimulation" },
};
