import { SpineError } from "./errors.ts";
import { decodeJson, type JsonValue } from "./json.ts";

/**
 * How payloads stand in the database: encrypted, compressed, or whatever a host needs. Payloads are parameters, outputs,
 * checkpoints and signals of runs. Built in: `encryptPayloads`.
 *
 * Both ways are synchronous: what they need (keys of a vault, say) is fetched before `createSpine`. What they throw fails the
 * start, the read or the run that it happens to, never the process.
 *
 * @example
 * const compressed: PayloadCodec = {
 *   encode: (json) => (json.length < 1_000 ? null : deflateRawSync(json).toString("base64")),
 *   decode: (text) => inflateRawSync(Buffer.from(text, "base64")).toString(),
 * };
 * const spine = await createSpine({ database: sqlite("spine.db"), payloads: compressed });
 */
export interface PayloadCodec {
  /**
   * The text that is stored instead of a payload, as a text inside of JSON; null leaves the payload as it is.
   *
   * @param json the payload: JSON text.
   * @param about what it is and whose, e.g. `["output","<run id>","fetch"]`: the same when it is read. To bind what is stored to
   *   its place, so that nobody can put it elsewhere.
   */
  encode(json: string, about: string): string | null;
  /** The payload of a text that `encode` gave, now or long ago: JSON text. Not called for what was stored as it is. */
  decode(text: string, about: string): string;
  /**
   * What may be stored for the hash of parameters (SHA-256, hex), by which a key that is used again is recognised: the first is
   * stored, each is recognised. The hash itself when left out, which lets parameters be guessed that have few values.
   */
  hashes?(hash: string): readonly string[];
}

/** The one member of what stands in the database instead of a payload. */
const MARK = "$spine_encoded";

/**
 * The codec, if it is one.
 *
 * @throws SpineError CONFIG_INVALID.
 */
export function checkPayloadCodec(given: PayloadCodec | undefined): PayloadCodec | undefined {
  const codec = given as Partial<PayloadCodec> | null | undefined;
  if (codec === undefined) return undefined;
  if (typeof codec?.encode === "function" && typeof codec.decode === "function") return given;
  throw new SpineError(
    "CONFIG_INVALID",
    "The option `payloads` is no codec with `encode` and `decode`. Give what `encryptPayloads` returns, or leave it out.",
  );
}

/** The JSON text to store for a payload. */
export function encodePayload(codec: PayloadCodec, json: string, about: string): string {
  let text: string | null;
  try {
    text = codec.encode(json, about);
  } catch (error) {
    throw SpineError.from(error, "PAYLOAD_INVALID");
  }
  return text === null ? json : JSON.stringify({ [MARK]: text });
}

/**
 * The payload of a stored value; the value itself when it was stored as it is.
 *
 * @throws SpineError PAYLOAD_UNREADABLE, or what the codec says.
 */
export function decodePayload(codec: PayloadCodec, stored: JsonValue, about: string): JsonValue {
  const text = encodedText(stored);
  if (text === null) return stored;
  try {
    return decodeJson(codec.decode(text, about));
  } catch (error) {
    throw SpineError.from(error, "PAYLOAD_UNREADABLE");
  }
}

/** The codec's text, when a stored value holds one. */
function encodedText(stored: JsonValue): string | null {
  if (typeof stored !== "object" || stored === null || !(MARK in stored)) return null;
  const text = stored[MARK];
  return typeof text === "string" && Object.keys(stored).length === 1 ? text : null;
}

/** True for what stands in the database instead of a payload. */
export function isEncoded(stored: JsonValue): boolean {
  return encodedText(stored) !== null;
}

/** What is thrown instead of giving somebody a value that nobody has decoded. */
export function notDecoded(): SpineError {
  return new SpineError(
    "PAYLOAD_KEY_MISSING",
    "The run's payloads are encoded (encrypted, say), and this process was given no `payloads`. Give createSpine those that the other processes have; a run that failed for it can be retried then.",
  );
}
