import { z } from "zod";
import { SpineError } from "./errors.ts";

/** How a secret stands in stored parameters: a reference, never its value. */
interface SecretReference {
  readonly $secret: string;
}

/** Gives the value of a reference, e.g. of a vault's path; the host's to write. */
export type SecretResolver = (reference: string) => string | Promise<string>;

const REFERENCE = /^[a-z][a-z0-9+.-]*:[^\s]+$/;

/**
 * A parameter whose value is secret. A run is given a reference (`env:FINRA_API_KEY`, or another scheme that the
 * host's resolver knows); the value is looked up when a step begins and is stored nowhere. A literal is refused.
 *
 * @example
 * const flow = defineWorkflow({ name: "demo.fetch", params: z.object({ apiKey: secret() }) });
 * await spine.run(flow, { apiKey: "env:DEMO_API_KEY" });
 */
export function secret(): z.ZodType<string, string | SecretReference> {
  const reference = z.union([
    z.string(),
    z.object({ $secret: z.string() }).transform(({ $secret }) => $secret),
  ]);
  return reference
    .refine((text) => REFERENCE.test(text), {
      // The text itself must not stand in the message: it may be the secret.
      error: "must be a reference to a secret, e.g. env:NAME, not the secret itself",
    })
    .transform(($secret): SecretReference => ({ $secret })) as unknown as z.ZodType<
    string,
    string | SecretReference
  >;
}

/** The secrets of one run, once they are looked up. */
export interface ResolvedParams {
  readonly params: unknown;
  readonly values: readonly string[];
}

/** The parameters with each reference replaced by its value. */
export async function resolveSecrets(stored: unknown, resolve: SecretResolver): Promise<ResolvedParams> {
  if (!holdsReference(stored)) return { params: stored, values: [] };
  const values: string[] = [];
  const walk = async (value: unknown): Promise<unknown> => {
    if (typeof value !== "object" || value === null) return value;
    if (Array.isArray(value)) return await Promise.all(value.map(walk));
    if (isReference(value)) {
      const found = await resolve(value.$secret);
      values.push(found);
      return found;
    }
    const members = await Promise.all(
      Object.entries(value).map(async ([key, member]) => [key, await walk(member)] as const),
    );
    return Object.fromEntries(members);
  };
  return { params: await walk(stored), values };
}

function holdsReference(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  return isReference(value) || Object.values(value).some(holdsReference);
}

function isReference(value: object): value is SecretReference {
  return "$secret" in value && typeof value.$secret === "string" && Object.keys(value).length === 1;
}

/** The built-in resolver: `env:NAME` from the process's environment. */
export function environmentSecrets(
  env: Readonly<Record<string, string | undefined>> = process.env,
): SecretResolver {
  return (reference) => {
    const name = reference.startsWith("env:") ? reference.slice("env:".length) : null;
    const value = name === null ? undefined : env[name];
    if (value) return value;
    throw new SpineError(
      "CONFIG_INVALID",
      name === null
        ? `Nothing here can look up the secret "${reference}". Use env:NAME, or give createSpine a \`secrets\` resolver for it.`
        : `The environment variable ${name}, which a parameter refers to, is not set in this process.`,
    );
  };
}

/** Redacts nothing: for runs without secrets. */
export const keepText = (text: string): string => text;

const REDACTED = "[redacted]";
/** Shorter values would be found by chance all over a text. */
const SHORTEST = 4;

/** Takes the secrets out of a text that is about to be written: as they are, and as they stand in JSON and URLs. */
export function redact(text: string, secrets: readonly string[]): string {
  let clean = text;
  for (const value of secrets) {
    if (value.length < SHORTEST) continue;
    for (const form of new Set([value, JSON.stringify(value).slice(1, -1), encodeURIComponent(value)])) {
      clean = clean.replaceAll(form, REDACTED);
    }
  }
  return clean;
}
