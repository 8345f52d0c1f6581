// Bundles the declarations of each entry to one file, so that a page can have the
// types of a script tag's global from one URL.

import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { rolldown } from "rolldown";
import { dts } from "rolldown-plugin-dts";
import { entries } from "./bundle.mjs";

/** The texts of the .d.ts files by name: each an ES module, and the global for script tags. */
export async function bundleTypes(root) {
  const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
  execFileSync(process.execPath, [tsc, "-p", join(root, "tsconfig.types.json")], { cwd: root, stdio: "inherit" });
  const emitted = join(root, "node_modules", ".cache", "tactus-types");
  const texts = {};
  for (const [name, { entry, global }] of Object.entries(entries)) {
    const code = await bundled(join(emitted, `${entry}.d.ts`), name === "tactus" ? [] : [client]);
    texts[`${name}.d.ts`] = `${code.trimEnd()}\nexport as namespace ${global};\n`;
  }
  return texts;
}

async function bundled(input, plugins) {
  const bundle = await rolldown({
    input,
    plugins: [...plugins, dts({ dtsInput: true, tsconfig: false })],
    experimental: { attachDebugInfo: "none" },
  });
  try {
    const { output } = await bundle.generate({ format: "es" });
    return output[0].code;
  } finally {
    await bundle.close();
  }
}

/** The lobby and the simulated network name the client's types: those of the client's file, not copies. */
const client = {
  name: "client",
  resolveId: (id) => (/^\.{1,2}\/index\.ts$/.test(id) ? { id: "./tactus.js", external: true } : undefined),
};
