// Runs the tests: bundles each test/*.test.ts (or those of the folder given) to
// plain JavaScript and hands them to node's test runner.
//
//   node scripts/test.mjs [FOLDER] [-- options of node --test]

import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const [first, ...others] = process.argv.slice(2);
const folder = first && !first.startsWith("-") ? first : "test";
const options = (folder === first ? others : process.argv.slice(2)).filter((o) => o !== "--");
const source = join(root, folder);
const out = join(root, "node_modules", ".cache", "tactus-tests", folder);

if (!existsSync(source)) {
  console.error(`no folder ${folder} here`);
  process.exit(2);
}
rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
const tests = readdirSync(source).filter((name) => name.endsWith(".test.ts"));
await build({
  entryPoints: tests.map((name) => join(source, name)),
  bundle: true,
  platform: "node",
  format: "esm",
  target: "node20",
  packages: "external",
  sourcemap: "inline",
  outdir: out,
  outExtension: { ".js": ".mjs" },
  logLevel: "warning",
});
const files = tests.map((name) => join(out, name.replace(/\.ts$/, ".mjs")));
const child = spawn(process.execPath, ["--enable-source-maps", "--test", ...options, ...files], {
  cwd: root,
  stdio: "inherit",
});
child.on("exit", (code, signal) => process.exit(signal ? 1 : (code ?? 1)));
