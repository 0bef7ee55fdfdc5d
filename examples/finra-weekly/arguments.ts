import { resolve } from "node:path";
import { parseArgs } from "node:util";

export interface Arguments {
  /** The weekly file to ingest; null for the generated sample week. */
  readonly file: string | null;
  /** The database file. */
  readonly db: string;
  readonly json: boolean;
  /** Exit when the job is done. */
  readonly once: boolean;
  readonly help: boolean;
}

export const USAGE = `Ingests FINRA OTC weekly data into an embedded database and shows what happened.

  npm start                        a generated sample week, all three tiers
  npm start -- --file PATH         a FINRA weekly file (tier and week are read from it)
             --db PATH             the database file (default .spine/finra.db)
             --json                one JSON summary line last, on standard output
             --once                exit when the job is done
             --help`;

/** Reads the command line; paths are relative to where npm was called. Throws a TypeError for unknown options. */
export function readArguments(
  argv: readonly string[],
  cwd = process.env.INIT_CWD ?? process.cwd(),
): Arguments {
  const { values } = parseArgs({
    args: [...argv],
    allowPositionals: false,
    options: {
      file: { type: "string" },
      db: { type: "string" },
      json: { type: "boolean", default: false },
      once: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  return {
    file: values.file === undefined ? null : resolve(cwd, values.file),
    db: values.db === undefined ? resolve(".spine/finra.db") : resolve(cwd, values.db),
    json: values.json,
    once: values.once,
    help: values.help,
  };
}
