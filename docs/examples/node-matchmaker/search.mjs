// Searches for a match with nothing but the .proto files.
//
//   npm ci && node search.mjs [--addr 127.0.0.1:8090] [--game arena] [--mode ffa] [--name Node]
//
// Prints one JSON line per message; the last one holds the assignment: where to
// open the WebSocket, and the join token that is the first message on it.
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
const client = new MatchmakerService(args.addr, grpc.credentials.createInsecure());

const deadline = new Date(Date.now() + 90_000);
client.CreateTicket({ game: args.game, mode: args.mode, playerName: args.name }, { deadline }, (error, ticket) => {
  if (error) return fail(error);
  console.log(JSON.stringify({ ticket: ticket.ticketId, player: ticket.playerName }));
  const watch = client.WatchTicket({ ticketId: ticket.ticketId }, { deadline });
  watch.on("data", (update) => console.log(JSON.stringify(update)));
  watch.on("error", fail);
  watch.on("end", () => client.close());
});

function fail(error) {
  console.error(`${grpc.status[error.code] ?? "error"}: ${error.details ?? error.message}`);
  client.close();
  process.exitCode = 1;
}
