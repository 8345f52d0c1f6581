/** Ordered, reliable binary messages to a game server, by WebSocket. */

import type { Connect, WebSocketClass } from "./api/transport.ts";

export const subprotocol = "tactus.v1";
const open = 1;

/** Connects by WebSocket. */
export function webSocketConnect(implementation?: WebSocketClass): Connect {
  return (url, handler) => {
    const Socket: WebSocketClass | undefined = implementation ?? globalThis.WebSocket;
    if (!Socket) throw new TypeError("no WebSocket here; pass one as the client's option webSocket");
    const socket = new Socket(url, [subprotocol]);
    socket.binaryType = "arraybuffer";
    let live = true;
    socket.onopen = () => live && handler.open();
    socket.onmessage = (event: { data: unknown }) => {
      if (live && event.data instanceof ArrayBuffer) handler.message(new Uint8Array(event.data));
    };
    // An error is always followed by a close.
    socket.onerror = () => {};
    socket.onclose = (event: { code: number; reason: string }) => {
      if (!live) return;
      live = false;
      handler.close(event.code, event.reason);
    };
    return {
      send: (bytes) => socket.readyState === open && socket.send(bytes),
      close: (code, reason) => {
        live = false;
        socket.close(code, reason);
      },
      get pending() {
        return socket.bufferedAmount;
      },
    };
  };
}
