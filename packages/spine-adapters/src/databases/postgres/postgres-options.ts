import { anObject, anything, aText, checkOptions, type OptionKinds, SpineError } from "spine-core";
import { maskPassword } from "../mask-password.ts";
import { postgresUrlFault } from "./postgres-url.ts";

export interface PostgresOptions {
  /** `postgres://user:password@host:port/database`; or the parts below, never both. */
  readonly url?: string;
  /** A name, an address, or the directory of a Unix socket. */
  readonly host?: string;
  readonly port?: number;
  readonly database?: string;
  readonly user?: string;
  /** A function is asked for each connection: for passwords that change while the process runs. */
  readonly password?: string | (() => string | Promise<string>);
  /** TLS: `true`, or what `node:tls` takes. */
  readonly ssl?: boolean | Readonly<Record<string, unknown>>;
  /** Where Spine's own tables are; `spine` by default. It is created when it is missing. */
  readonly schema?: string;
  /** Where target tables are; `public` by default. */
  readonly tableSchema?: string;
  /** How the connections call themselves in `pg_stat_activity`; `spine` by default. */
  readonly applicationName?: string;
}

/** The options, checked, in the form that the driver takes. */
export interface PostgresSettings {
  /** For `pg`: where to connect and as whom. */
  readonly connection: Readonly<Record<string, unknown>>;
  readonly schema: string;
  readonly tableSchema: string;
  readonly applicationName: string;
  /** Settings that the URL itself asks for. */
  readonly options: string;
  /** The database in messages; without the password. */
  readonly name: string;
}

const OPTIONS: OptionKinds<PostgresOptions> = {
  url: aText,
  host: aText,
  // Checked by itself.
  port: anything,
  database: aText,
  user: aText,
  password: {
    is: "a text, or a function that returns one",
    fits: (value) => typeof value === "string" || typeof value === "function",
  },
  ssl: {
    is: "true, false, or an object of options for TLS",
    fits: (value) => typeof value === "boolean" || anObject.fits(value),
  },
  schema: aText,
  tableSchema: aText,
  applicationName: aText,
};

/** Checks the options. Nothing is connected yet. */
export function postgresSettings(target: string | PostgresOptions): PostgresSettings {
  const given: PostgresOptions = typeof target === "string" ? { url: target } : target;
  checkOptions(given, OPTIONS, { of: "postgres", code: "CONFIG_INVALID" });
  const { url, host, port, database, user, password, ssl } = given;
  const { schema = "spine", tableSchema = "public", applicationName = "spine" } = given;
  for (const name of [schema, tableSchema]) {
    if (/^[a-z_][a-z0-9_]{0,62}$/.test(name)) continue;
    throw new SpineError(
      "CONFIG_INVALID",
      `"${name}" cannot name a schema here. Use lower-case letters, digits and _, starting with a letter, at most 63.`,
    );
  }
  const own = { applicationName, schema, tableSchema };
  if (port !== undefined && !(Number.isInteger(port) && port >= 1 && port <= 65_535)) {
    throw new SpineError(
      "CONFIG_INVALID",
      `The port of the Postgres server is ${port}; use a number from 1 to 65535.`,
    );
  }
  if (url === undefined) {
    const parts = { host, port, database, user, password, ssl };
    const connection = Object.fromEntries(Object.entries(parts).filter(([, value]) => value !== undefined));
    const name = `postgres://${user ?? ""}${user ? "@" : ""}${host ?? "localhost"}:${port ?? 5432}/${database ?? ""}`;
    return { ...own, connection, options: "", name };
  }
  const beside = Object.entries({ host, port, database, user, password }).filter(
    ([, value]) => value !== undefined,
  );
  if (beside.length > 0) {
    throw new SpineError(
      "CONFIG_INVALID",
      `The Postgres server is named by a URL and by ${beside.map(([part]) => part).join(", ")}. Use one of the two.`,
    );
  }
  const { href, options } = splitOptions(url);
  return {
    ...own,
    connection: { connectionString: href, ...(ssl === undefined ? {} : { ssl }) },
    options,
    name: maskPassword(url).replace(/\?.*$/, ""),
  };
}

/** The driver would let the URL's `options` replace ours: they are taken out, to be put behind them. */
function splitOptions(url: string): { readonly href: string; readonly options: string } {
  const fault = postgresUrlFault(url);
  if (fault !== null) {
    throw new SpineError(
      "CONFIG_INVALID",
      `The database is "${maskPassword(url)}", ${fault}. Use postgres://user:password@host:port/database.`,
    );
  }
  if (!URL.canParse(url)) return { href: url, options: "" };
  const parsed = new URL(url);
  const options = parsed.searchParams.get("options");
  if (options === null) return { href: url, options: "" };
  parsed.searchParams.delete("options");
  return { href: parsed.href, options };
}
