import { z } from "zod";
import { SpineError } from "./errors.ts";
import type { KnownSecret } from "./redaction.ts";

/** How a secret stands in stored parameters: a reference, never its value. */
interface SecretReference {
  readonly $secret: string;
}

/** Gives the value of a reference, e.g. of a vault's path; the host's to write. */
export type SecretResolver = (reference: string) => string | Promise<string>;

export interface SecretOptions {
  /** Schemes beside `env` that the host's resolver knows, e.g. `["vault"]`. */
  readonly schemes?: readonly string[];
}

const SCHEME = /^[a-z][a-z0-9+.-]*$/;
const ENVIRONMENT = /^env:[A-Za-z_][A-Za-z0-9_]*$/;
/** Without `@`: what has one is a URL with a password in it rather than the place of one. */
const ELSEWHERE = /^[^\s@]+$/;

/**
 * A parameter whose value is secret. A run is given a reference (`env:FINRA_API_KEY`, or one of another scheme that is
 * declared and that the host's resolver knows); the value is looked up when a step begins and is stored nowhere. All
 * else is refused, for it may be the secret itself: `alice:hunter2` looks like a reference.
 *
 * @example
 * const flow = defineWorkflow({ name: "demo.fetch", params: z.object({ apiKey: secret() }) });
 * await spine.run(flow, { apiKey: "env:DEMO_API_KEY" });
 *
 * const other = z.object({ apiKey: secret({ schemes: ["vault"] }) }); // { apiKey: "vault:demo/key" }
 */
export function secret(options: SecretOptions = {}): z.ZodType<string, string | SecretReference> {
  const schemes = options.schemes ?? [];
  const wrong = schemes.find((scheme) => !SCHEME.test(scheme));
  if (wrong !== undefined) {
    throw new SpineError(
      "CONFIG_INVALID",
      `"${wrong}" is no scheme of secrets; use lower-case letters and digits, e.g. vault.`,
    );
  }
  const reference = z.union([
    z.string(),
    z.object({ $secret: z.string() }).transform(({ $secret }) => $secret),
  ]);
  const forms = ["env:NAME", ...schemes.map((scheme) => `${scheme}:…`)].join(" or ");
  return reference
    .refine((text) => isAllowed(text, schemes), {
      // The text itself must not stand in the message: it may be the secret.
      error: `must be a reference to a secret (${forms}), not the secret itself`,
    })
    .transform(($secret): SecretReference => ({ $secret })) as unknown as z.ZodType<
    string,
    string | SecretReference
  >;
}

function isAllowed(text: string, schemes: readonly string[]): boolean {
  if (ENVIRONMENT.test(text)) return true;
  const scheme = schemeOf(text);
  return (
    scheme !== null &&
    scheme !== "env" &&
    schemes.includes(scheme) &&
    ELSEWHERE.test(text.slice(scheme.length + 1))
  );
}

function schemeOf(reference: string): string | null {
  const colon = reference.indexOf(":");
  return colon > 0 ? reference.slice(0, colon) : null;
}

/** The parameters of a run with its secrets in them. */
export interface ResolvedParams {
  readonly params: unknown;
  readonly secrets: readonly KnownSecret[];
}

/** The parameters with each reference replaced by its value; at once where there is none. */
export function resolveSecrets(
  stored: unknown,
  resolve: SecretResolver,
): ResolvedParams | Promise<ResolvedParams> {
  return holdsReference(stored) ? lookUp(stored, resolve) : { params: stored, secrets: [] };
}

async function lookUp(stored: unknown, resolve: SecretResolver): Promise<ResolvedParams> {
  const secrets: KnownSecret[] = [];
  const walk = async (value: unknown, path: string): Promise<unknown> => {
    if (typeof value !== "object" || value === null) return value;
    if (Array.isArray(value)) {
      return await Promise.all(value.map((item, index) => walk(item, `${path}/${index}`)));
    }
    if (isReference(value)) {
      const found = await secretOf(value.$secret, path, resolve);
      secrets.push({ reference: value.$secret, value: found });
      return found;
    }
    const members = await Promise.all(
      Object.entries(value).map(
        async ([key, member]) => [key, await walk(member, `${path}/${key}`)] as const,
      ),
    );
    return Object.fromEntries(members);
  };
  return { params: await walk(stored, ""), secrets };
}

/** Errors name the parameter, not the reference: one that was taken for a reference may be a secret. */
async function secretOf(reference: string, path: string, resolve: SecretResolver): Promise<string> {
  let found: unknown;
  try {
    found = await resolve(reference);
  } catch (error) {
    throw SpineError.from(error, "CONFIG_INVALID").withContext({ param: path });
  }
  if (typeof found === "string") return found;
  throw new SpineError(
    "CONFIG_INVALID",
    `The \`secrets\` resolver gave a ${typeof found} for the parameter ${path}; a secret is a text.`,
    { context: { param: path } },
  );
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
    const scheme = schemeOf(reference);
    throw new SpineError(
      "CONFIG_INVALID",
      name === null
        ? `Nothing here can look up a secret of the scheme ${scheme === null || !SCHEME.test(scheme) ? "that a parameter has" : `"${scheme}"`}. Use env:NAME, or give createSpine a \`secrets\` resolver for it.`
        : "The environment variable that a secret parameter refers to is not set in this process; the run's parameters name it.",
    );
  };
}
