// Prints how many bytes a page has to load, after gzip.
//
//   node scripts/size.mjs

import { sizes } from "./bundle.mjs";

for (const [name, bytes] of Object.entries(await sizes(process.cwd())))
  console.log(`${name.padEnd(18)} ${bytes} bytes`);
