// Joins the declarations of the public modules to one file, so that a page can
// have the types of the script tag's global from one URL.

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";

/** Modules that the public API is made of, each after those that it names. */
const modules = ["types", "codes", "errors", "client"];

/** The text of tactus.d.ts: an ES module, and the global Tactus for script tags. */
export function flattenTypes(root) {
  const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
  execFileSync(process.execPath, [tsc, "-p", join(root, "tsconfig.types.json")], { cwd: root, stdio: "inherit" });
  const emitted = join(root, "node_modules", ".cache", "tactus-types");
  const read = (name) => readFileSync(join(emitted, `${name}.d.ts`), "utf8");
  const index = read("index");
  const exported = [...index.matchAll(/export \{([^}]*)\}/g)].flatMap((m) => m[1].split(",").map((s) => s.trim()));
  for (const m of read("types").matchAll(/^export (?:interface|type) (\w+)/gm)) exported.push(m[1]);
  const body = modules
    .map((name) => read(name).replace(/^import [^;]*;\n/gm, "").replace(/^export (?=declare|interface|type)/gm, "").trim())
    .join("\n\n");
  return `${body}\n\nexport { ${exported.filter(Boolean).join(", ")} };\nexport as namespace Tactus;\n`;
}
