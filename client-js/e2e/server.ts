/** The real binary as a browser meets it: `tactus dev` on free loopback ports. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { Client } from "../src/index.ts";
import { Lobby } from "../src/lobby.ts";

const readyLine = "tactus ready";

export class TactusServer {
  private process: ChildProcess | undefined;
  private readonly log: string[] = [];

  private constructor(
    private readonly ports: readonly [number, number, number],
    private readonly data: string,
    private readonly flags: readonly string[],
  ) {}

  /** Starts a server; options as in `--option name=value`. */
  static start(...options: string[]): Promise<TactusServer> {
    return TactusServer.startWith(options, "");
  }

  /** Starts a server whose queues have rules of their own, in YAML. */
  static async startWith(options: readonly string[], rules: string): Promise<TactusServer> {
    const ports = [await freePort(), await freePort(), await freePort()] as const;
    const data = mkdtempSync(join(tmpdir(), "tactus-e2e-"));
    const flags = options.flatMap((option) => ["--option", option]);
    if (rules) {
      writeFileSync(join(data, "queues.yaml"), rules);
      flags.push("--rules", join(data, "queues.yaml"));
    }
    const server = new TactusServer(ports, data, flags);
    await server.run();
    return server;
  }

  /** Starts a server that listens at a host, `localhost` for both loopback addresses, with further flags. */
  static async startAt(host: string, ...flags: string[]): Promise<TactusServer> {
    const ports = [await freePort(), await freePort(), await freePort()] as const;
    const data = mkdtempSync(join(tmpdir(), "tactus-e2e-"));
    const server = new TactusServer(ports, data, ["--listen", `${host}:${ports[0]}`, ...flags]);
    await server.run();
    return server;
  }

  /** The public port. */
  get port(): number {
    return this.ports[0];
  }

  get url(): string {
    return `http://127.0.0.1:${this.ports[0]}/`;
  }

  /** Runs the binary, again on the same ports, and waits until its matchmaker has a game to offer. */
  async run(): Promise<void> {
    await this.spawn();
    const lobby = new Lobby(new Client(this.url, { storage: null }));
    const hosts = (): Promise<boolean> =>
      lobby.listGames().then(
        ({ games }) => games.length > 0,
        () => false,
      );
    while (!(await hosts())) {
      if (this.process?.exitCode !== null) throw new Error(`tactus ended before it played:\n${this.lastLines}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  private async spawn(): Promise<void> {
    const [listen, internal, admin] = this.ports.map((port) => `127.0.0.1:${port}`) as [string, string, string];
    const args = [
      "dev",
      "--listen",
      listen,
      "--internal",
      internal,
      "--admin",
      admin,
      "--data",
      this.data,
      ...this.flags,
    ];
    // The program takes its flags from the environment too; here only these count.
    const env = Object.fromEntries(
      Object.entries(process.env).filter(([name]) => name !== "PORT" && !name.startsWith("TACTUS_")),
    );
    const child = spawn(binary(), args, { stdio: ["ignore", "pipe", "pipe"], env });
    this.process = child;
    await new Promise<void>((done, fail) => {
      child.once("error", fail);
      child.once("exit", (code) =>
        fail(new Error(`tactus ended with ${code} before it played:\n${this.log.join("\n")}`)),
      );
      for (const stream of [child.stdout, child.stderr]) {
        createInterface({ input: stream }).on("line", (line) => {
          this.log.push(line);
          if (line.includes(readyLine)) done();
        });
      }
    });
  }

  /** kill -9: no farewell to anybody. */
  async kill(): Promise<void> {
    const child = this.process;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await ended;
  }

  /** Ends it for good and removes what it wrote. */
  async stop(): Promise<void> {
    await this.kill();
    rmSync(this.data, { recursive: true, force: true });
  }

  /** What the server logged, newest last. */
  get lastLines(): string {
    return this.log.slice(-30).join("\n");
  }
}

function binary(): string {
  const path = resolve(process.env.TACTUS_BIN ?? "../bin/tactus");
  if (!existsSync(path)) throw new Error(`there is no ${path}: run "make build", or set TACTUS_BIN`);
  return path;
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, "close");
  return port;
}
