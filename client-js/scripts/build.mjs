// Builds dist/: the SDK's entries as scripts, as modules and their types, the arena
// page with its rules in WebAssembly, and precompressed twins of all that.
//
//   node scripts/build.mjs [--no-rules]
//
// --no-rules leaves the WebAssembly out, for machines without Go: the page then
// plays without prediction.

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { build } from "esbuild";
import { bundleOptions, entries } from "./bundle.mjs";
import { bundleTypes } from "./types.mjs";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const dist = join(root, "dist");
/** Everything is made here first, so that a failed build, or a Go build meanwhile, finds the last good one in dist. */
const staging = join(root, "node_modules", ".cache", "tactus", `dist-${process.pid}`);
const arena = join(root, "arena");
const cache = join(root, "node_modules", ".cache", "tactus");

/** Worth a compressed twin. */
const compressible = new Set([".js", ".mjs", ".ts", ".css", ".html", ".svg", ".wasm", ".json", ".webmanifest"]);

/** Below this a twin saves nothing but is one more file. */
const minCompressed = 512;

function prepare() {
  mkdirSync(staging, { recursive: true });
  mkdirSync(dist, { recursive: true });
}

/** Puts what was made into dist, and takes away what was not made this time. */
function publish() {
  const made = new Set(readdirSync(staging));
  for (const name of made) renameSync(join(staging, name), join(dist, name));
  for (const name of readdirSync(dist))
    if (name !== ".keep" && !made.has(name)) rmSync(join(dist, name), { recursive: true });
}

async function buildSdk() {
  for (const [name, { entry, global }] of Object.entries(entries)) {
    await build({ ...bundleOptions(root, entry), format: "esm", outfile: join(staging, `${name}.mjs`) });
    await build({
      ...bundleOptions(root, entry),
      format: "iife",
      globalName: global,
      outfile: join(staging, `${name}.js`),
    });
  }
  for (const [name, types] of Object.entries(await bundleTypes(root))) writeFileSync(join(staging, name), types);
}

/** Compiles the arena's rules and returns their file name, which changes with their content. */
function buildRules() {
  const out = join(staging, "rules.wasm");
  const go = ["build", "-buildmode=c-shared", "-trimpath", "-ldflags=-s -w", "-o", out, "./cmd/arenawasm"];
  execFileSync("go", go, {
    cwd: dirname(root),
    env: { ...process.env, GOOS: "wasip1", GOARCH: "wasm", GOFLAGS: "" },
    stdio: "inherit",
  });
  const name = `arena.${hash(readFileSync(out))}.wasm`;
  renameSync(out, join(staging, name));
  return name;
}

async function buildPage(rules) {
  await build({
    ...bundleOptions(root),
    mangleProps: undefined, // the page's own modules use these names, too
    entryPoints: [join(arena, "main.ts")],
    format: "esm",
    define: { ARENA_RULES: JSON.stringify(rules) },
    outfile: join(staging, "arena.js"),
  });
  for (const name of readdirSync(arena)) {
    if (extname(name) === ".css") {
      await build({
        entryPoints: [join(arena, name)],
        minify: true,
        outfile: join(staging, name),
        logLevel: "warning",
      });
    } else if (extname(name) !== ".ts") {
      writeFileSync(join(staging, name), readFileSync(join(arena, name)));
    }
  }
}

/** Writes .br and .gz twins; they are kept by content for the next build, since rules seldom change and take seconds. */
function compress() {
  const twins = { br: brotli, gz: (bytes) => gzipSync(bytes, { level: 9 }) };
  const used = new Set();
  for (const name of readdirSync(staging)) {
    if (!compressible.has(extname(name))) continue;
    const bytes = readFileSync(join(staging, name));
    if (bytes.length < minCompressed) continue;
    for (const [suffix, squeeze] of Object.entries(twins)) {
      const kept = `${hash(bytes)}.${suffix}`;
      used.add(kept);
      const twin = join(staging, `${name}.${suffix}`);
      if (existsSync(join(cache, kept))) copyFileSync(join(cache, kept), twin);
      else writeFileSync(twin, squeeze(bytes));
    }
  }
  keepTwins(used);
}

/** Remembers the twins of this build, by the hash of what they are twins of, and forgets all others. */
function keepTwins(used) {
  for (const name of readdirSync(cache))
    if (/\.(br|gz)$/.test(name) && !used.has(name)) rmSync(join(cache, name), { force: true });
  for (const name of readdirSync(staging)) {
    const suffix = extname(name);
    if (suffix !== ".br" && suffix !== ".gz") continue;
    const kept = hash(readFileSync(join(staging, name.slice(0, -suffix.length)))) + suffix;
    if (existsSync(join(cache, kept))) continue;
    // Renamed into place, so that a build that is stopped leaves no half of a file.
    copyFileSync(join(staging, name), join(cache, `${kept}.${process.pid}`));
    renameSync(join(cache, `${kept}.${process.pid}`), join(cache, kept));
  }
}

function brotli(bytes) {
  return brotliCompressSync(bytes, {
    params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length },
  });
}

function hash(bytes) {
  return createHash("sha256").update(bytes).digest("hex").slice(0, 12);
}

prepare();
try {
  await buildSdk();
  await buildPage(process.argv.includes("--no-rules") ? "" : buildRules());
  compress();
  publish();
} finally {
  rmSync(staging, { recursive: true, force: true });
}
