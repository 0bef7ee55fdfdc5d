/** What stands in a request's body: bytes, what the host's body parser made of them, or nothing. */
export type HttpBody =
  | { readonly kind: "none" }
  | { readonly kind: "bytes"; readonly bytes: Uint8Array }
  | { readonly kind: "parsed"; readonly value: unknown };

/**
 * A request as the handler sees it, whichever framework it came through. Lazy: an adapter makes nothing that nobody asks for.
 */
export interface HttpRequest {
  readonly method: string;
  /** The path as it was sent, with the base path and without the query; nothing in it is resolved or decoded. */
  readonly path: string;
  /** The query as it was sent, without its `?`. */
  readonly query: string;
  /** By its name in lower case. */
  header(name: string): string | undefined;
  /** The address of the other side; null where it is not known. */
  readonly peer: string | null;
  /** The framework's own request, e.g. for its session. */
  readonly original: unknown;
  /** Aborted when the other side has gone. */
  readonly signal: AbortSignal;
  /** Reads the body once. @throws BodyTooLarge as soon as it has more than `limit` bytes. */
  body(limit: number): Promise<HttpBody>;
}

/** An answer as plain data; a stream is texts that are sent as they come. */
export interface HttpResponse {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array | AsyncIterable<string> | null;
}

/** Thrown by an adapter whose body has more bytes than it was asked for. */
export class BodyTooLarge extends Error {}

/** Puts pieces of a body together, up to a limit of bytes. */
export async function collectBytes(pieces: AsyncIterable<Uint8Array>, limit: number): Promise<HttpBody> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const piece of pieces) {
    length += piece.byteLength;
    if (length > limit) throw new BodyTooLarge();
    parts.push(piece);
  }
  return length === 0 ? { kind: "none" } : { kind: "bytes", bytes: Buffer.concat(parts, length) };
}
