/** A proxy in front of a server: it may end TLS, and show the server under a path. */

import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage, request, type RequestListener } from "node:http";
import { createServer as createSecureServer } from "node:https";
import { type AddressInfo, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Duplex } from "node:stream";

interface ProxyOptions {
  tls?: boolean;
  /** Where the server is shown, as "/game". */
  path?: string;
  /** Whether the server gets the path, too. */
  keepPath?: boolean;
}

export class TestProxy {
  private constructor(
    readonly origin: string,
    private readonly server: ReturnType<typeof createServer>,
    private readonly sockets: Set<Duplex>,
  ) {}

  /** Passes everything on to a port of 127.0.0.1 and sets nothing: Host and Origin are the browser's. */
  static async start(
    port: number,
    { tls = false, path = "", keepPath = false }: ProxyOptions = {},
  ): Promise<TestProxy> {
    const sockets = new Set<Duplex>();
    /** What the server is asked for, nothing where the proxy has another site. */
    const target = (url = "/"): string | undefined => {
      if (!url.startsWith(`${path}/`)) return undefined;
      return keepPath ? url : url.slice(path.length);
    };
    const answer: RequestListener = (incoming, outgoing) => {
      const at = target(incoming.url);
      if (at === undefined) return void outgoing.writeHead(404).end();
      const { method, headers } = incoming;
      const onward = request({ host: "127.0.0.1", port, method, headers, path: at }, (answered) => {
        outgoing.writeHead(answered.statusCode ?? 502, answered.headers);
        answered.pipe(outgoing);
      });
      onward.on("error", () => outgoing.destroy());
      outgoing.on("close", () => onward.destroy());
      incoming.pipe(onward);
    };
    const upgrade = (incoming: IncomingMessage, socket: Duplex, head: Buffer): void => {
      const at = target(incoming.url);
      if (at === undefined) return void socket.destroy();
      const onward = connect(port, "127.0.0.1");
      for (const one of [socket, onward]) {
        sockets.add(one);
        one.on("error", () => {});
      }
      socket.on("close", () => onward.destroy());
      onward.on("close", () => socket.destroy());
      const lines = [`${incoming.method} ${at} HTTP/1.1`];
      for (let i = 0; i < incoming.rawHeaders.length; i += 2)
        lines.push(`${incoming.rawHeaders[i]}: ${incoming.rawHeaders[i + 1]}`);
      onward.write(`${lines.join("\r\n")}\r\n\r\n`);
      onward.write(head);
      socket.pipe(onward).pipe(socket);
    };
    const server = tls ? createSecureServer(certificate(), answer) : createServer(answer);
    server.on("upgrade", upgrade).listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port: own } = server.address() as AddressInfo;
    return new TestProxy(`${tls ? "https" : "http"}://127.0.0.1:${own}`, server, sockets);
  }

  async stop(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, "close");
  }
}

/** A certificate that signs itself, made for this once. */
function certificate(): { key: Buffer; cert: Buffer } {
  const folder = mkdtempSync(join(tmpdir(), "tactus-tls-"));
  const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
  try {
    const subject = ["-subj", "/CN=tunnel.example", "-days", "2"];
    const made = [
      "req",
      "-x509",
      "-nodes",
      "-newkey",
      "ec",
      "-pkeyopt",
      "ec_paramgen_curve:prime256v1",
      "-keyout",
      key,
      "-out",
      cert,
    ];
    execFileSync("openssl", [...made, ...subject], { stdio: "ignore" });
    return { key: readFileSync(key), cert: readFileSync(cert) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
