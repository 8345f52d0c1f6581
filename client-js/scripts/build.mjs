// Builds dist/: the SDK as one script, as a module and its types, the arena
// page with its rules in WebAssembly, and precompressed twins of all that.
//
//   node scripts/build.mjs [--no-rules]
//
// --no-rules leaves the WebAssembly out, for machines without Go: the page then
// plays without prediction.

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { build } from "esbuild";
import { bundleOptions } from "./bundle.mjs";
import { flattenTypes } from "./types.mjs";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const dist = join(root, "dist");
const arena = join(root, "arena");
const cache = join(root, "node_modules", ".cache", "tactus");

/** Worth a compressed twin. */
const compressible = new Set([".js", ".mjs", ".ts", ".css", ".html", ".svg", ".wasm", ".json"]);

/** Below this a twin saves nothing but is one more file. */
const minCompressed = 512;

function clean() {
  mkdirSync(dist, { recursive: true });
  mkdirSync(cache, { recursive: true });
  for (const name of readdirSync(dist)) if (name !== ".keep") rmSync(join(dist, name), { recursive: true });
}

async function buildSdk() {
  await build({ ...bundleOptions(root), format: "esm", outfile: join(dist, "tactus.mjs") });
  await build({ ...bundleOptions(root), format: "iife", globalName: "Tactus", outfile: join(dist, "tactus.js") });
  writeFileSync(join(dist, "tactus.d.ts"), flattenTypes(root));
}

/** Compiles the arena's rules and returns their file name in dist, which changes with their content. */
function buildRules() {
  const out = join(cache, "arena.wasm");
  const go = ["build", "-buildmode=c-shared", "-trimpath", "-ldflags=-s -w", "-o", out, "./cmd/arenawasm"];
  execFileSync("go", go, {
    cwd: dirname(root),
    env: { ...process.env, GOOS: "wasip1", GOARCH: "wasm", GOFLAGS: "" },
    stdio: "inherit",
  });
  const bytes = readFileSync(out);
  const name = `arena.${hash(bytes)}.wasm`;
  writeFileSync(join(dist, name), bytes);
  return name;
}

async function buildPage(rules) {
  await build({
    ...bundleOptions(root),
    entryPoints: [join(arena, "main.ts")],
    format: "esm",
    define: { ARENA_RULES: JSON.stringify(rules) },
    outfile: join(dist, "arena.js"),
  });
  for (const name of readdirSync(arena)) {
    if (extname(name) === ".css") {
      await build({ entryPoints: [join(arena, name)], minify: true, outfile: join(dist, name), logLevel: "warning" });
    } else if (extname(name) !== ".ts") {
      writeFileSync(join(dist, name), readFileSync(join(arena, name)));
    }
  }
}

/** Writes .br and .gz twins; the slow ones are kept by content, since rules seldom change. */
function compress() {
  for (const name of readdirSync(dist)) {
    if (!compressible.has(extname(name))) continue;
    const bytes = readFileSync(join(dist, name));
    if (bytes.length < minCompressed) continue;
    const twins = { br: brotli, gz: (b) => gzipSync(b, { level: 9 }) };
    for (const [suffix, squeeze] of Object.entries(twins)) {
      const kept = join(cache, `${hash(bytes)}.${suffix}`);
      if (!existsSync(kept)) writeFileSync(kept, squeeze(bytes));
      writeFileSync(join(dist, `${name}.${suffix}`), readFileSync(kept));
    }
  }
}

function brotli(bytes) {
  return brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length } });
}

function hash(bytes) {
  return createHash("sha256").update(bytes).digest("hex").slice(0, 12);
}

clean();
await buildSdk();
await buildPage(process.argv.includes("--no-rules") ? "" : buildRules());
compress();
