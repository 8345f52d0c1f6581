// Searches for a match with nothing but the .proto files.
//
//   npm ci && node search.mjs [--addr 127.0.0.1:8090] [--game arena] [--mode ffa] [--name Node]
//
// Several matchmakers are given as ipv4:10.0.0.5:8090,10.0.0.6:8090 or as a name
// in DNS; when one leaves, another goes on. Prints one JSON line per message; the
// last one holds the assignment: where to open the WebSocket, and the join token
// that is the first message on it.
import { randomUUID } from "node:crypto";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import grpc from "@grpc/grpc-js";
import protoLoader from "@grpc/proto-loader";

const { values: args } = parseArgs({
  options: {
    addr: { type: "string", default: "127.0.0.1:8090" },
    game: { type: "string", default: "" },
    mode: { type: "string", default: "" },
    name: { type: "string", default: "Node" },
  },
});

const protos = fileURLToPath(new URL("../../../protocol/rpc", import.meta.url));
const definition = protoLoader.loadSync("tactus/matchmaker/v1/matchmaker.proto", {
  includeDirs: [protos],
  enums: String,
  defaults: true,
});
const { MatchmakerService } = grpc.loadPackageDefinition(definition).tactus.matchmaker.v1;

// Calls go to the matchmakers in turn. CreateTicket may be repeated when one was
// away, because it carries a request id.
const serviceConfig = {
  loadBalancingConfig: [{ round_robin: {} }],
  methodConfig: [{
    name: [{ service: "tactus.matchmaker.v1.MatchmakerService", method: "CreateTicket" }],
    retryPolicy: { maxAttempts: 4, initialBackoff: "0.1s", maxBackoff: "1s", backoffMultiplier: 2, retryableStatusCodes: ["UNAVAILABLE"] },
  }],
};
const client = new MatchmakerService(args.addr, grpc.credentials.createInsecure(), {
  "grpc.service_config": JSON.stringify(serviceConfig),
  "grpc.keepalive_time_ms": 15_000,
});

const deadline = new Date(Date.now() + 90_000);
const request = { game: args.game, mode: args.mode, playerName: args.name, requestId: randomUUID() };
client.CreateTicket(request, { deadline }, (error, ticket) => {
  if (error) return fail(error);
  console.log(JSON.stringify({ ticket: ticket.ticketId, player: ticket.playerName }));
  watch(ticket.ticketId);
});

// A ticket that nobody watches for 5 s is cancelled.
function watch(ticketId) {
  const updates = client.WatchTicket({ ticketId }, { deadline });
  updates.on("data", (update) => console.log(JSON.stringify(update)));
  updates.on("error", (error) => {
    if (error.code === grpc.status.UNAVAILABLE) setTimeout(watch, 200, ticketId);
    else fail(error);
  });
  updates.on("status", ({ code }) => {
    if (code === grpc.status.OK) client.close();
  });
}

function fail(error) {
  console.error(`${grpc.status[error.code] ?? "error"}: ${error.details ?? error.message}`);
  client.close();
  process.exitCode = 1;
}
