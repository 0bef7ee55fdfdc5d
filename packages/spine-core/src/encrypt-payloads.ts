import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from "node:crypto";
import { SpineError } from "./errors.ts";
import type { PayloadCodec } from "./payload-codec.ts";

export interface PayloadKeys {
  /** Key id → 32 random bytes, or their base64 text. An id stands beside each value: letters, digits, `_` and `-`. */
  readonly keys: Readonly<Record<string, Uint8Array | string>>;
  /**
   * The id of the key for new values; the others only read. Null: new values are stored as they are, for the time in which
   * some processes do not have the keys yet, or in which encryption is given up.
   */
  readonly use: string | null;
}

/** The form of what is stored: `a256gcm.<key id>.<base64url of IV, ciphertext and tag>`. */
const FORM = "a256gcm";
const CIPHER = "aes-256-gcm";
const KEY_BYTES = 32;
const IV_BYTES = 12;
const TAG_BYTES = 16;
const KEY_ID = /^[A-Za-z0-9_-]{1,64}$/;
const BASE64 = /^[A-Za-z0-9+/]{43}=$/;

interface Key {
  readonly id: string;
  readonly bytes: Buffer;
  /** For the hashes of parameters: a key is used for one purpose only. */
  readonly hashing: Buffer;
}

/**
 * Encrypts what runs carry (AES-256-GCM): parameters, outputs, checkpoints and signals. Each value has an IV of its own, and is
 * bound to its run and step: put elsewhere in the database, it cannot be read. What was stored before is read as it is.
 *
 * To change keys: give all processes the new one, then let `use` name it, and take the old one away when no run of its time is
 * left. What is not encrypted, and the rest: docs/encryption.md.
 *
 * @throws SpineError CONFIG_INVALID for keys that are none. Reading throws PAYLOAD_KEY_MISSING for a key that is not here, and
 *   PAYLOAD_UNREADABLE for a wrong key or a value that was changed.
 * @example
 * const payloads = encryptPayloads({ keys: { "2026-01": process.env.SPINE_KEY ?? "" }, use: "2026-01" });
 * const spine = await createSpine({ database: sqlite("spine.db"), payloads });
 */
export function encryptPayloads({ keys, use }: PayloadKeys): PayloadCodec {
  const known = new Map(Object.entries(keys ?? {}).map(([id, bytes]) => [id, keyOf(id, bytes)]));
  if (known.size === 0) throw new SpineError("CONFIG_INVALID", "`encryptPayloads` was given no keys.");
  const current = use === null ? null : known.get(use);
  if (current === undefined) {
    throw new SpineError(
      "CONFIG_INVALID",
      `\`encryptPayloads\` is to use key "${use}", which is not among its keys. Give it, or name another one.`,
    );
  }
  // The key in use comes first: its hash is the one that is stored.
  const inOrder = [...known.values()].sort((a, b) => Number(b === current) - Number(a === current));
  return Object.freeze({
    encode: (json: string, about: string) => (current ? encrypt(current, json, about) : null),
    decode: (text: string, about: string) => decrypt(known, text, about),
    hashes: (hash: string) => {
      const keyed = inOrder.map(({ hashing }) => createHmac("sha256", hashing).update(hash).digest("hex"));
      // Runs from before encryption have the plain hash.
      return current ? [...keyed, hash] : [hash, ...keyed];
    },
  });
}

function keyOf(id: string, given: Uint8Array | string): Key {
  if (!KEY_ID.test(id)) {
    throw new SpineError(
      "CONFIG_INVALID",
      "The id of a key for payloads has 1 to 64 letters, digits, `_` or `-`.",
    );
  }
  const bytes = bytesOf(given);
  if (bytes === null) {
    // Not what was given: it may be a key.
    throw new SpineError(
      "CONFIG_INVALID",
      `The key "${id}" for payloads is not 32 bytes or their base64 text. Make one: node -p "crypto.randomBytes(32).toString('base64')"`,
    );
  }
  const hashing = Buffer.from(hkdfSync("sha256", bytes, "", "spine hashes of parameters", KEY_BYTES));
  return { id, bytes, hashing };
}

function bytesOf(given: unknown): Buffer | null {
  if (typeof given === "string") return BASE64.test(given) ? Buffer.from(given, "base64") : null;
  // A copy: the caller may wipe his.
  return given instanceof Uint8Array && given.length === KEY_BYTES ? Buffer.from(given) : null;
}

function encrypt({ id, bytes }: Key, json: string, about: string): string {
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv(CIPHER, bytes, iv, { authTagLength: TAG_BYTES });
  cipher.setAAD(boundTo(id, about));
  const parts = [iv, cipher.update(json, "utf8"), cipher.final(), cipher.getAuthTag()];
  return `${FORM}.${id}.${Buffer.concat(parts).toString("base64url")}`;
}

function decrypt(keys: ReadonlyMap<string, Key>, text: string, about: string): string {
  const [form, id = "", data = "", ...more] = text.split(".");
  const bytes = Buffer.from(data, "base64url");
  if (form !== FORM || more.length > 0 || bytes.length < IV_BYTES + TAG_BYTES) throw unreadable(about);
  const key = keys.get(id);
  if (!key) {
    throw new SpineError(
      "PAYLOAD_KEY_MISSING",
      `A value (${about}) is encrypted with key "${id.slice(0, 64)}", which this process does not have. Give it to \`encryptPayloads\`, then retry the run.`,
    );
  }
  try {
    const decipher = createDecipheriv(CIPHER, key.bytes, bytes.subarray(0, IV_BYTES), {
      authTagLength: TAG_BYTES,
    });
    decipher.setAAD(boundTo(id, about));
    decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
    const plain = decipher.update(bytes.subarray(IV_BYTES, -TAG_BYTES));
    // Nothing of it is believed before `final` has checked the tag.
    return Buffer.concat([plain, decipher.final()]).toString("utf8");
  } catch {
    throw unreadable(about);
  }
}

function boundTo(id: string, about: string): Buffer {
  return Buffer.from(`${FORM}.${id}.${about}`);
}

function unreadable(about: string): SpineError {
  return new SpineError(
    "PAYLOAD_UNREADABLE",
    `A value (${about}) cannot be decrypted: it was changed in the database or belongs elsewhere, or another key has this id now. Give the key that it was written with, or restore it from a backup; then retry the run.`,
  );
}
