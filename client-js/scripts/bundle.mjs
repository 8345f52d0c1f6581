// How the SDK is bundled, shared by the build and the size test.

import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));

export const bundleOptions = {
  entryPoints: [join(root, "src", "index.ts")],
  bundle: true,
  minify: true,
  target: "es2022",
  legalComments: "none",
  logLevel: "warning",
};
