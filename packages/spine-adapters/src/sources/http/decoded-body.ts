import { pipeline, Readable, type Transform } from "node:stream";
import {
  constants,
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createZstdDecompress,
  Gunzip,
} from "node:zlib";
import { SourceError } from "spine-core";
import type { GuardedResponse } from "../../net/guarded-request.ts";
import type { ReplyTimer } from "./reply-timer.ts";

/** What a body may grow to when it is unpacked. */
export interface BodyLimits {
  /** Bytes of a body, unpacked. */
  readonly maxBytes: number;
  /** Bytes unpacked for each byte that was sent. */
  readonly maxRatio: number;
}

/** Below this the ratio means nothing: short texts of one character are packed very well. */
const RATIO_FROM_BYTES = 1024 * 1024;
const UNPACKED_AT_ONCE = 64 * 1024;
/** What a decoder may have to keep in memory, as a power of two: 8 MiB is what every encoder on the web keeps to. */
const WINDOW_BITS = 23;

/** `bytesWritten` are those that it has taken in: what is sent ahead does not hide what few bytes become. */
type Decoder = Transform & { readonly bytesWritten: number };

const DECODERS: Readonly<Record<string, () => Decoder>> = {
  gzip: () => createGunzip({ chunkSize: UNPACKED_AT_ONCE }),
  "x-gzip": () => createGunzip({ chunkSize: UNPACKED_AT_ONCE }),
  deflate: () => createInflate({ chunkSize: UNPACKED_AT_ONCE }),
  br: () => createBrotliDecompress({ chunkSize: UNPACKED_AT_ONCE }),
  zstd: () =>
    createZstdDecompress({
      chunkSize: UNPACKED_AT_ONCE,
      params: { [constants.ZSTD_d_windowLogMax]: WINDOW_BITS },
    }),
};

/**
 * The bytes of a body, unpacked piece by piece: never more in memory than a few pieces, whatever it would become. Leaving it
 * early closes the connection.
 *
 * Errors: SOURCE_FORMAT for encodings that are not known, SOURCE_MALFORMED, SOURCE_TOO_LARGE, SOURCE_TRUNCATED (retryable) for what ends too
 * early, and what the timer throws.
 */
export async function* decodedBody(
  response: GuardedResponse,
  timer: ReplyTimer,
  limits: BodyLimits,
): AsyncGenerator<Buffer> {
  const encodings = (response.header("content-encoding") ?? "")
    .toLowerCase()
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "" && name !== "identity");
  const [encoding] = encodings;
  const makeDecoder = encoding === undefined ? undefined : DECODERS[encoding];
  if (encodings.length > 1 || (encoding !== undefined && makeDecoder === undefined)) {
    response.body.destroy();
    throw new SourceError(
      `The body is encoded as ${encodings.join(", ").slice(0, 100)}; gzip, deflate, br and zstd can be read, one at a time.`,
      { code: "SOURCE_FORMAT" },
    );
  }
  const decoder = makeDecoder?.();
  let unpacked = 0;
  try {
    for await (const piece of unpack(sentBody(response, timer), decoder)) {
      unpacked += piece.length;
      if (unpacked > limits.maxBytes) {
        throw tooLarge(`has more than ${limits.maxBytes} bytes (\`maxBytes\`)`);
      }
      if (decoder && unpacked > RATIO_FROM_BYTES && unpacked > decoder.bytesWritten * limits.maxRatio) {
        throw tooLarge(
          `becomes more than ${limits.maxRatio} times as large when it is unpacked (\`maxRatio\`)`,
        );
      }
      yield piece;
    }
  } finally {
    response.body.destroy();
  }
}

/** The bytes as they come, each waited for as long as it may take. */
async function* sentBody(response: GuardedResponse, timer: ReplyTimer): AsyncGenerator<Buffer> {
  const pieces = (response.body as AsyncIterable<Buffer>)[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await timer.during("idle", () => pieces.next()).catch(asTruncated);
      if (next.done) return;
      yield next.value;
    }
  } finally {
    response.body.destroy();
  }
}

async function* unpack(pieces: AsyncGenerator<Buffer>, decoder: Decoder | undefined) {
  if (decoder === undefined) {
    yield* pieces;
    return;
  }
  let sent = 0;
  // Not closed with its reader: whether anything follows the packed form is asked behind its end.
  async function* counted() {
    for (let next = await pieces.next(); !next.done; next = await pieces.next()) {
      sent += next.value.length;
      yield next.value;
    }
  }
  const source = Readable.from(counted(), { objectMode: true, highWaterMark: 1 });
  const unpacked = pipeline(source, decoder, () => {});
  try {
    for await (const piece of unpacked) yield piece as Buffer;
  } catch (error) {
    throw unpackError(error);
  } finally {
    source.destroy();
    unpacked.destroy();
  }
  // Decoders pass over it without a word, and rows may be in it; all parts of a gzip are read, and a wrong one is an error.
  const isOver = (await pieces.next()).done === true;
  if (decoder instanceof Gunzip || (isOver && sent === decoder.bytesWritten)) return;
  throw new SourceError("More follows behind the end of the packed body, which cannot be unpacked.", {
    code: "SOURCE_MALFORMED",
  });
}

function unpackError(error: unknown): unknown {
  const code = (error as NodeJS.ErrnoException).code ?? "";
  if (code === "Z_BUF_ERROR" || /unexpected end/i.test((error as Error).message)) {
    return truncated("its packed form ends too early", error);
  }
  if (!/^(?:Z_|ERR__?(?:BROTLI|ZSTD|ERROR)|ERR_BROTLI|ERR_ZSTD|ZSTD_)/.test(code)) return error;
  return new SourceError(`The body cannot be unpacked: ${(error as Error).message}.`, {
    code: "SOURCE_MALFORMED",
    cause: error,
  });
}

/** A connection that ends before the body does. */
function asTruncated(error: unknown): never {
  const { code = "", name = "" } = (error ?? {}) as Partial<NodeJS.ErrnoException>;
  if (name === "HTTPParserError" || /^(?:UND_ERR|ECONN|EPIPE|ETIMEDOUT|ERR_)/.test(code)) {
    throw truncated(`the connection ended first (${code || name})`, error);
  }
  throw error;
}

function truncated(why: string, cause: unknown): SourceError {
  return new SourceError(`The body is cut off: ${why}.`, {
    code: "SOURCE_TRUNCATED",
    retryable: true,
    cause,
  });
}

function tooLarge(why: string): SourceError {
  return new SourceError(`The body ${why}.`, { code: "SOURCE_TOO_LARGE" });
}
