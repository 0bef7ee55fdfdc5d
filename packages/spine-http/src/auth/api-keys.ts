import { hash, timingSafeEqual } from "node:crypto";
import { SpineError } from "spine-core";
import type { Auth, AuthRequest, Principal } from "./auth.ts";

/** A key, and who has it. */
export interface ApiKey {
  /** 16 characters at least. */
  readonly key: string;
  readonly principal: Principal;
}

const SHORTEST = 16;

/**
 * Knows callers by keys, sent as `Authorization: Bearer <key>` or `X-API-Key: <key>`. Keys are compared in the same time whatever
 * they have in common; in memory there are only their hashes.
 *
 * @throws SpineError CONFIG_INVALID for a key that is missing or short, and for one that is given twice.
 * @example
 * const auth = apiKeys([
 *   { key: process.env.SPINE_OPS_KEY ?? "", principal: { id: "ops", permissions: "operator" } },
 *   { key: process.env.ACME_KEY ?? "", principal: { id: "acme", permissions: "operator", scope: { tag: "tenant:acme" } } },
 * ]);
 */
export function apiKeys(keys: readonly ApiKey[]): Auth {
  const known = keys.map(({ key, principal }) => {
    if (typeof key !== "string" || key.length < SHORTEST) {
      throw new SpineError(
        "CONFIG_INVALID",
        `The API key of "${String(principal?.id)}" has ${typeof key === "string" ? key.length : 0} characters; give it ${SHORTEST} at least, e.g. from \`openssl rand -base64 32\`.`,
      );
    }
    return { digest: digestOf(key), principal };
  });
  if (new Set(known.map(({ digest }) => digest.toString("hex"))).size !== known.length)
    throw new SpineError("CONFIG_INVALID", "Two API keys are the same. Give each caller a key of its own.");
  return {
    authenticate(request) {
      const key = keyIn(request);
      if (key === undefined) return null;
      const digest = digestOf(key);
      let found: Principal | null = null;
      // All of them, so that the time does not tell which one it was.
      for (const each of known) if (timingSafeEqual(each.digest, digest)) found = each.principal;
      return found;
    },
  };
}

function digestOf(key: string): Buffer {
  return hash("sha256", key, "buffer");
}

function keyIn(request: AuthRequest): string | undefined {
  const [, bearer] = /^Bearer +(\S+)$/i.exec(request.header("authorization") ?? "") ?? [];
  return bearer ?? request.header("x-api-key");
}
