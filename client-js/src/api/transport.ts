/** Public types of the connection to a game server. */

/** The part of the WebSocket class that is used, so that Node's ws package fits too. */
export type WebSocketClass = new (
  url: string,
  protocols: string[],
) => {
  binaryType: string;
  readonly bufferedAmount: number;
  readonly readyState: number;
  onopen: ((event: never) => unknown) | null;
  onmessage: ((event: never) => unknown) | null;
  onclose: ((event: never) => unknown) | null;
  onerror: ((event: never) => unknown) | null;
  send(data: Uint8Array<ArrayBuffer>): void;
  close(code?: number, reason?: string): void;
};

/** Events of a transport, in the order they happen: open, any number of messages, close. */
export interface TransportHandler {
  open(): void;
  /** The bytes are the receiver's. */
  message(bytes: Uint8Array): void;
  /** Called once, also when the connection never opened. */
  close(code: number, reason: string): void;
}

export interface Transport {
  /** The bytes may be reused once send returns. */
  send(bytes: Uint8Array<ArrayBuffer>): void;
  /** Ends the connection; the handler hears nothing more. */
  close(code?: number, reason?: string): void;
  /** Bytes that wait for the network. */
  readonly pending: number;
}

export type Connect = (url: string, handler: TransportHandler) => Transport;
