import { parseArgs } from "node:util";

export type Options =
  | MutantOptions
  | KillOptions
  | OutageOptions
  | BackfillOptions
  | FuzzOptions
  | HttpOptions;

export interface MutantOptions {
  readonly proof: "mutants";
  /** Mutants by name; null for all. */
  readonly only: readonly string[] | null;
  readonly json: boolean;
}

export interface OutageOptions {
  readonly proof: "outages";
}

export interface BackfillOptions {
  readonly proof: "backfills";
}

export interface FuzzOptions {
  readonly proof: "fuzz";
  readonly inputs: number;
  readonly seed: number;
}

export interface HttpOptions {
  readonly proof: "http";
  readonly seed: number;
}

export interface KillOptions {
  readonly proof: "kills";
  /** In all databases together. */
  readonly kills: number;
  readonly seed: number;
  readonly databases: readonly KillDatabase[];
  readonly json: boolean;
}

const DATABASES = ["sqlite", "postgres"] as const;
export type KillDatabase = (typeof DATABASES)[number];

export const USAGE = `npm run proof -- --mutants [--only a,b] [--json]
npm run proof -- --kills N [--seed S] [--database sqlite|postgres|both] [--json]
npm run proof -- --outages
npm run proof -- --backfills
npm run proof -- --fuzz [N] [--seed S]
npm run proof -- --http [--seed S]

  --mutants   breaks each guarantee in the code, one at a time, and demands that its test fails
  --only      these mutants
  --kills     kills real processes so many times (SIGKILL) while they work, and audits what is left
  --seed      which of them, when and where; a new one when left out, and printed
  --database  on which; both when left out, half of the kills on each
  --outages   a server that crashes and is away, connections that break, answers that are lost, a process that is busy: under
              load, on Postgres
  --backfills kills the processes of a backfill of 156 partitions twenty times, on both databases: npm test does less on Postgres
  --fuzz      reads so many generated and damaged inputs as files, a million when left out: no crash, no row lost
  --http      50,000 generated requests to the HTTP API, a thousand cuts of its streams, 200 spellings of each path in each framework
  --json      JSON lines; the last one has the counts

The exit code is 1 when something failed, 2 for a wrong option.`;

/** The command line as options. Throws an error that says what is wrong and what there is. */
export function readOptions(args: readonly string[], known: readonly string[]): Options {
  const { values, positionals } = parseArgs({
    args: [...args],
    // The number after --fuzz may be left out, so that it is no value of the option.
    allowPositionals: args.includes("--fuzz"),
    options: {
      mutants: { type: "boolean", default: false },
      only: { type: "string" },
      kills: { type: "string" },
      outages: { type: "boolean", default: false },
      backfills: { type: "boolean", default: false },
      fuzz: { type: "boolean", default: false },
      http: { type: "boolean", default: false },
      seed: { type: "string" },
      database: { type: "string" },
      json: { type: "boolean", default: false },
    },
  });
  const { json } = values;
  const asked = [
    values.mutants,
    values.kills !== undefined,
    values.outages,
    values.backfills,
    values.fuzz,
    values.http,
  ];
  if (asked.filter(Boolean).length !== 1) {
    throw new Error(
      "Say what is to be proved: --mutants, or --kills and how many, or --outages, --backfills, --fuzz or --http.",
    );
  }
  if (values.outages) return { proof: "outages" };
  if (values.backfills) return { proof: "backfills" };
  const seed = values.seed === undefined ? Date.now() % 1_000_000 : wholeNumber("--seed", values.seed, 0);
  if (values.http) return { proof: "http", seed };
  if (values.fuzz) {
    const [inputs = "1000000", ...others] = positionals;
    if (others.length > 0) throw new Error(`--fuzz takes one number, not "${positionals.join(" ")}".`);
    return { proof: "fuzz", inputs: wholeNumber("--fuzz", inputs, 1), seed };
  }
  if (values.kills !== undefined) {
    const kills = wholeNumber("--kills", values.kills, 1);
    return { proof: "kills", kills, seed, databases: databasesOf(values.database ?? "both"), json };
  }
  const only = values.only?.split(",").filter((name) => name !== "") ?? null;
  const wrong = only?.filter((name) => !known.includes(name)) ?? [];
  if (wrong.length > 0 || only?.length === 0) {
    throw new Error(`--only knows ${known.join(", ")}; not ${wrong.join(", ") || "nothing"}.`);
  }
  return { proof: "mutants", only, json };
}

function wholeNumber(option: string, text: string, least: number): number {
  const number = Number(text);
  if (Number.isSafeInteger(number) && number >= least && text.trim() !== "") return number;
  throw new Error(`${option} takes a whole number from ${least}, not "${text}".`);
}

function databasesOf(text: string): readonly KillDatabase[] {
  if (text === "both") return DATABASES;
  const chosen = DATABASES.filter((name) => name === text);
  if (chosen.length > 0) return chosen;
  throw new Error(`--database takes ${DATABASES.join(", ")} or both, not "${text}".`);
}
