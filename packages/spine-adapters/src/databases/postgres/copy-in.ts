import type { Submittable } from "pg";

/** What of the driver's connection `COPY … FROM STDIN` needs. */
interface CopyConnection {
  query(text: string): void;
  sendCopyFromChunk(chunk: Buffer): void;
  endCopyFrom(): void;
}

/**
 * `COPY … FROM STDIN` of data that is in memory, as a query of the driver: `client.query(copy)`, then
 * `await copy.done`. In pieces of a megabyte that is as fast as a stream, and between two pieces the
 * connection is free.
 */
export class CopyIn implements Submittable {
  readonly done: Promise<void>;
  readonly #sql: string;
  readonly #data: Buffer;
  #resolve: () => void = () => {};
  #reject: (error: unknown) => void = () => {};

  constructor(sql: string, data: Buffer) {
    this.#sql = sql;
    this.#data = data;
    this.done = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  submit(connection: unknown): void {
    // All at once: whoever waits for the server's word first must come back to the event loop, and the server waits for him
    // meanwhile. After a refusal it passes over what comes.
    const copying = connection as CopyConnection;
    copying.query(this.#sql);
    copying.sendCopyFromChunk(this.#data);
    copying.endCopyFrom();
  }

  handleCopyInResponse(): void {}

  handleError(error: unknown): void {
    this.#reject(error);
  }

  handleReadyForQuery(): void {
    this.#resolve();
  }

  handleCommandComplete(): void {}

  handleEmptyQuery(): void {}

  handleRowDescription(): void {}

  handleDataRow(): void {}

  handlePortalSuspended(): void {}

  handleCopyData(): void {}
}

const SPECIAL = /[\\\t\n\r]/g;
const ESCAPES: Readonly<Record<string, string>> = { "\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r" };

/** A value in the text format of COPY. */
export function copyText(text: string): string {
  return text.replace(SPECIAL, (character) => ESCAPES[character] ?? character);
}
