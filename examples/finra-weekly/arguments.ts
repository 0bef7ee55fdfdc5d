import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { toWeekStart } from "spine-finra";

export interface Arguments {
  /** The weekly file to ingest; null for the generated sample week. */
  readonly file: string | null;
  /** A day of the week that the file holds; null where its date is to tell. */
  readonly weekEnding: string | null;
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
             --week-ending DATE    the week of a restated file, whose date does not tell: any day of it, YYYY-MM-DD
             --db PATH             the database file (default .spine/finra.db)
             --json                one JSON summary line last, on standard output
             --once                exit when the job is done
             --help`;

/** Reads the command line; paths are relative to where npm was called. Throws for what cannot be meant. */
export function readArguments(
  argv: readonly string[],
  cwd = process.env.INIT_CWD ?? process.cwd(),
): Arguments {
  const { values } = parseArgs({
    args: [...argv],
    allowPositionals: false,
    options: {
      file: { type: "string" },
      "week-ending": { type: "string" },
      db: { type: "string" },
      json: { type: "boolean", default: false },
      once: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  const weekEnding = values["week-ending"] ?? null;
  if (weekEnding !== null) {
    if (values.file === undefined) throw new TypeError("--week-ending is about a file: name it with --file.");
    toWeekStart(weekEnding);
  }
  return {
    file: values.file === undefined ? null : resolve(cwd, values.file),
    weekEnding,
    db: values.db === undefined ? resolve(".spine/finra.db") : resolve(cwd, values.db),
    json: values.json,
    once: values.once,
    help: values.help,
  };
}
