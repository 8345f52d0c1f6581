/** Refusals with details, as the matchmaker writes them. */

/** A field of a protobuf message; tag and text are single bytes. */
export const field = (tag: string, text: string): string => `${tag}${String.fromCharCode(text.length)}${text}`;

/** A message of a detail, as Connect's JSON has it. */
export const base64 = (bytes: string): string => Buffer.from(bytes, "latin1").toString("base64").replace(/=+$/, "");

/** A refusal with a google.rpc.ErrorInfo. */
export function refusal(status: number, code: string, reason: string, metadata: Record<string, string> = {}) {
  const entries = Object.entries(metadata).map(([name, text]) =>
    field("\x1a", field("\n", name) + field("\x12", text)),
  );
  const value = base64(field("\n", reason) + field("\x12", "tactus") + entries.join(""));
  return { status, body: { code, message: reason, details: [{ type: "google.rpc.ErrorInfo", value }] } };
}
