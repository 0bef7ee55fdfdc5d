import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { encryptPayloads } from "./encrypt-payloads.ts";
import { SpineError } from "./errors.ts";
import { decodePayload, encodePayload, type PayloadCodec } from "./payload-codec.ts";

const k1 = randomBytes(32);
const k2 = randomBytes(32);
const about = '["output","r1","fetch"]';
const json = '{"name":"Ä 😀","n":[1,null]}';

function stored(codec: PayloadCodec, value = json) {
  return JSON.parse(encodePayload(codec, value, about));
}

function codeOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (SpineError.is(error)) return error.code;
    throw error;
  }
  return "nothing was thrown";
}

test("gives back what it encrypted, and encrypts nothing twice alike", () => {
  const codec = encryptPayloads({ keys: { k1 }, use: "k1" });
  for (const value of [json, "null", '""', JSON.stringify("x".repeat(100_000))]) {
    expect(decodePayload(codec, stored(codec, value), about)).toEqual(JSON.parse(value));
  }
  expect(stored(codec)).not.toEqual(stored(codec));
  expect(JSON.stringify(stored(codec))).not.toContain("name");
});

test("keys are bytes, or their base64 text", () => {
  const bytes = encryptPayloads({ keys: { k1: new Uint8Array(k1) }, use: "k1" });
  const text = encryptPayloads({ keys: { k1: k1.toString("base64") }, use: "k1" });
  expect(decodePayload(text, stored(bytes), about)).toEqual(JSON.parse(json));
});

test("reads with the key that a value was written with", () => {
  const before = encryptPayloads({ keys: { k1 }, use: "k1" });
  const between = encryptPayloads({ keys: { k1, k2 }, use: "k2" });
  const after = encryptPayloads({ keys: { k2 }, use: "k2" });
  const old = stored(before);
  expect(decodePayload(between, old, about)).toEqual(JSON.parse(json));
  expect(decodePayload(after, stored(between), about)).toEqual(JSON.parse(json));
  expect(codeOf(() => decodePayload(after, old, about))).toBe("PAYLOAD_KEY_MISSING");
});

test("without a key in use it only reads", () => {
  const reading = encryptPayloads({ keys: { k1 }, use: null });
  expect(encodePayload(reading, json, about)).toBe(json);
  expect(decodePayload(reading, stored(encryptPayloads({ keys: { k1 }, use: "k1" })), about)).toEqual(
    JSON.parse(json),
  );
});

test("reads what was stored before as it is, whatever it looks like", () => {
  const codec = encryptPayloads({ keys: { k1 }, use: "k1" });
  for (const plain of [null, "a256gcm.k1.AAAA", 7, [{ $spine_encoded: "x" }], { $spine_encoded: 7 }, {}]) {
    expect(decodePayload(codec, plain, about)).toEqual(plain);
  }
});

test("refuses each changed letter, another place, another key of that id, and what is cut", () => {
  const codec = encryptPayloads({ keys: { k1, k2 }, use: "k1" });
  const text: string = stored(codec).$spine_encoded;
  const read = (changed: string, place = about) =>
    codeOf(() => decodePayload(codec, { $spine_encoded: changed }, place));
  const prefix = "a256gcm.k1.".length;
  for (let at = prefix; at < text.length - 1; at++) {
    const other = text[at] === "A" ? "B" : "A";
    expect(read(text.slice(0, at) + other + text.slice(at + 1)), `letter ${at}`).toBe("PAYLOAD_UNREADABLE");
  }
  expect(read(text, '["output","r2","fetch"]')).toBe("PAYLOAD_UNREADABLE");
  expect(read(text.replace(".k1.", ".k2."))).toBe("PAYLOAD_UNREADABLE");
  expect(read(text.replace(".k1.", ".k3."))).toBe("PAYLOAD_KEY_MISSING");
  for (const length of [0, 5, prefix, prefix + 10, text.length - 4])
    expect(read(text.slice(0, length))).toBe("PAYLOAD_UNREADABLE");
  expect(read(`${text}.x`)).toBe("PAYLOAD_UNREADABLE");
  const wrong = encryptPayloads({ keys: { k1: k2 }, use: "k1" });
  expect(codeOf(() => decodePayload(wrong, { $spine_encoded: text }, about))).toBe("PAYLOAD_UNREADABLE");
});

test("hashes depend on the key; that of the key in use comes first", () => {
  const one = encryptPayloads({ keys: { k1, k2 }, use: "k1" }).hashes?.("h") ?? [];
  const two = encryptPayloads({ keys: { k1, k2 }, use: "k2" }).hashes?.("h") ?? [];
  expect(one).toEqual([two[1], two[0], "h"]);
  expect(new Set(one).size).toBe(3);
  expect(encryptPayloads({ keys: { k1, k2 }, use: null }).hashes?.("h")?.[0]).toBe("h");
});

test.each([
  [{}, null],
  [undefined as never, null],
  [{ k1 }, undefined as never],
  [{ k1 }, "k2"],
  [{ "k.1": k1 }, "k.1"],
  [{ "": k1 }, ""],
  [{ k1: randomBytes(16) }, "k1"],
  [{ k1: "" }, "k1"],
  [{ k1: "secret passphrase" }, "k1"],
  [{ k1: randomBytes(24).toString("base64") }, "k1"],
  [{ k1: undefined as never }, "k1"],
])("refuses keys that are none, without repeating them: %#", (keys, use) => {
  let thrown: unknown;
  try {
    encryptPayloads({ keys, use });
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toMatchObject({ code: "CONFIG_INVALID" });
  expect(String(thrown)).not.toContain("passphrase");
});

test("what a codec of somebody's own throws has a code", () => {
  const broken: PayloadCodec = {
    encode: () => {
      throw new Error("no");
    },
    decode: () => "no JSON",
  };
  expect(codeOf(() => encodePayload(broken, json, about))).toBe("PAYLOAD_INVALID");
  expect(codeOf(() => decodePayload(broken, { $spine_encoded: "x" }, about))).toBe("PAYLOAD_UNREADABLE");
});
