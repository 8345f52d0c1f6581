// How the SDK is bundled, shared by the build and the size test.

import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

/**
 * Members that only the client's own modules use; they get short names in the
 * bundle. A name that is public, on the wire, of a game's rules or of the browser
 * must not be here. Tests check the public ones.
 */
export const internalMembers = [
  ...["advance", "alive", "answersChat", "catchUp", "columns", "commit", "emitChanges", "emitRemovals", "ended"],
  ...["endSnapshot", "eventSeq", "generations", "hashed", "isCongested", "isLive", "lerpAngle", "onDrop", "picture"],
  ...["plainWords", "remember", "roundTrip", "seen", "sendReliably", "skips", "sparse", "tickMs", "touched"],
  ...["touchedCount", "writer"],
];

/** Options of esbuild for an entry point of the package at root. */
export function bundleOptions(root, entry = "index") {
  return {
    entryPoints: [join(root, "src", `${entry}.ts`)],
    bundle: true,
    minify: true,
    target: "es2022",
    mangleProps: new RegExp(`^(${internalMembers.join("|")})$`),
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

/** Bytes of what a page has to load, after gzip. */
export async function sizes(root) {
  const size = async (entry, external = []) => {
    const options = { ...bundleOptions(root, entry), format: "esm", write: false, external };
    const { outputFiles } = await build(options);
    return gzipSync(outputFiles[0].contents, { level: 9 }).length;
  };
  return {
    whole: await size("index"),
    withoutPrediction: await size("index", ["./rules.ts", "./prediction.ts"]),
    lobby: await size("lobby"),
  };
}
