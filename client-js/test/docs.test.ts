/** The guide's examples compile against the types that are shipped. */

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { before, test } from "node:test";
import { CloseCode, closeNames } from "../src/codes.ts";
import { ErrorCode } from "../src/errors.ts";
import { EndReason } from "../src/matchmakerv1.ts";
import { internalMembers } from "../scripts/bundle.mjs";
import { bundleTypes } from "../scripts/types.mjs";

const guide = readFileSync("../docs/client.md", "utf8");
const folder = resolve("node_modules", ".cache", "tactus-docs");

/** What an example may use that an earlier one made. */
const preamble = [
  `import { Client, type Match } from "tactus";`,
  `import { Lobby, type Party } from "tactus/lobby";`,
  `declare const client: Client;`,
  `declare const match: Match;`,
  `declare const lobby: Lobby;`,
  `declare const party: Party;`,
];

before(async () => {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const [name, types] of Object.entries(await bundleTypes(resolve(".")))) writeFileSync(join(folder, name), types);
});

function examples(): string[] {
  const blocks = [...guide.matchAll(/```ts\n([\s\S]*?)```/g)].map((m) => m[1]!);
  return blocks.map((code) => {
    const used = (name: string) => new RegExp(`\\b${name}\\b`).test(code) && !new RegExp(`const ${name}\\b`).test(code);
    if (code.includes("import "))
      return code + (used("client") ? `\ndeclare const client: import("tactus").Client;\n` : "");
    const known = preamble.filter((line) => !line.startsWith("declare") || used(/const (\w+)/.exec(line)![1]!));
    return [...known, code].join("\n");
  });
}

test("every example of the guide compiles", () => {
  const codes = examples();
  assert.ok(codes.length > 8);
  codes.forEach((code, i) => writeFileSync(join(folder, `example${i}.ts`), `${code}\nexport {};\n`));
  const options = {
    target: "ES2022",
    module: "ESNext",
    moduleResolution: "Bundler",
    lib: ["ES2022", "DOM", "DOM.Iterable"],
    types: [],
    strict: true,
    noEmit: true,
    paths: { tactus: ["./tactus.d.ts"], "tactus/*": ["./*.d.ts"] },
  };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions: options, include: ["*.ts"] }));
  const tsc = spawnSync(process.execPath, [resolve("node_modules/typescript/bin/tsc"), "-p", folder], {
    encoding: "utf8",
  });
  assert.equal(tsc.stdout + tsc.stderr, "");
});

test("the types have the global of the script tag", () => {
  const types = readFileSync(join(folder, "tactus.d.ts"), "utf8");
  assert.match(types, /export as namespace Tactus;/);
  for (const name of ["Client", "CloseCode", "ErrorCode", "TactusError", "Match", "PlayOptions"]) {
    assert.match(types, new RegExp(`export \\{[^}]*\\b${name}\\b`));
  }
  assert.match(readFileSync(join(folder, "lobby.d.ts"), "utf8"), /export as namespace TactusLobby;/);
});

test("no public member gets a short name in the bundle", () => {
  for (const file of ["tactus.d.ts", "lobby.d.ts", "simulation.d.ts"]) {
    const types = readFileSync(join(folder, file), "utf8").replace(/^\s*private .*$/gm, "");
    for (const name of internalMembers) {
      assert.doesNotMatch(types, new RegExp(`^\\s*(static |readonly |get |set |async )*${name}\\??[(:<]`, "m"), file);
    }
  }
});

test("the guide lists every error number", () => {
  for (const [name, code] of Object.entries(ErrorCode)) {
    const shown = name === "ticket" || name === "matchmaker" ? `\`${name}\` + n` : `| ${code} | \`${name}\``;
    assert.ok(guide.includes(shown), `${code} ${name}`);
  }
  for (const [name, number] of Object.entries(EndReason)) {
    assert.ok(guide.includes(`| ${ErrorCode.ticket + number} | \`${name}\``), name);
  }
  for (const code of Object.values(CloseCode)) assert.ok(closeNames[code], `close code ${code} has a name`);
});
