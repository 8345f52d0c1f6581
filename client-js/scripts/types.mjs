// Joins the declarations of each entry's public modules to one file, so that a
// page can have the types of a script tag's global from one URL.

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { entries } from "./bundle.mjs";

/** Modules that the public API of an entry is made of, each after those that it names. */
const modules = {
  tactus: ["types", "codes", "errors", "client"],
  lobby: ["membership", "room", "party", "lobby"],
  simulation: ["simulation"],
};

/** The texts of the .d.ts files by name: each an ES module, and the global for script tags. */
export function flattenTypes(root) {
  const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
  execFileSync(process.execPath, [tsc, "-p", join(root, "tsconfig.types.json")], { cwd: root, stdio: "inherit" });
  const emitted = join(root, "node_modules", ".cache", "tactus-types");
  const read = (module) => readFileSync(join(emitted, `${module}.d.ts`), "utf8");
  const core = publicNames(read("index")).concat(publicNames(read("types")));
  const texts = { "tactus.d.ts": joined(modules.tactus.map(read), core, entries.tactus.global) };
  for (const name of ["lobby", "simulation"]) {
    texts[`${name}.d.ts`] = besides(modules[name].map(read), core, entries[name].global);
  }
  return texts;
}

/** What a module exports, types included. */
function publicNames(text) {
  const listed = [...text.matchAll(/export \{([^}]*)\}/g)].flatMap((m) => m[1].split(",").map((s) => s.trim()));
  const declared = [...text.matchAll(/^export (?:declare )?(?:interface|type|class|function) (\w+)/gm)].map(
    (m) => m[1],
  );
  return [...listed, ...declared].filter(Boolean);
}

function joined(texts, names, global) {
  const body = texts.map((text) =>
    text
      .replace(/^(?:import [^;]*|export \{[^;]*);\n/gm, "")
      .replace(/^export (?=declare|interface|type)/gm, "")
      .trim(),
  );
  return `${body.join("\n\n")}\n\nexport { ${names.join(", ")} };\nexport as namespace ${global};\n`;
}

/** The types of an entry that stands on those of the client. */
function besides(texts, core, global) {
  const names = [...new Set(texts.flatMap(publicNames))];
  const body = joined(texts, names, global);
  const used = core.filter((name) => new RegExp(`\\b${name}\\b`).test(body));
  return `import type { ${used.join(", ")} } from "./tactus.js";\n\n${body}`;
}
