import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { toWeekStart } from "spine-finra";

/** What says which week a file holds, where its dates do not. */
export interface NamedWeek {
  /** A day of the week that the file holds; null where its dates are to tell. */
  readonly weekEnding: string | null;
  /** The day on which the whole week was restated; null where rows may carry any date since its publication. */
  readonly lastUpdateDate: string | null;
}

export interface Arguments extends NamedWeek {
  /** The weekly file to ingest; null for a week from a service. */
  readonly file: string | null;
  /** Without a file: from FINRA's real service instead of the local one with its generated sample week. */
  readonly live: boolean;
  /** The database file. */
  readonly db: string;
  readonly json: boolean;
  /** Exit when the job is done; otherwise its API is served until Ctrl-C. */
  readonly once: boolean;
  /** Where the API is served; 0 for any port that is free. */
  readonly port: number;
  readonly help: boolean;
}

export const USAGE = `Ingests FINRA OTC weekly data into an embedded database and shows what happened; then serves Spine's API on this
machine until Ctrl-C.

  npm start                        a generated sample week, all three tiers, from a local server
  npm start -- --file PATH         a FINRA weekly file (tier and week are read from it)
             --week-ending DATE    the week of a restated file, whose dates do not tell: any day of it, YYYY-MM-DD
             --last-update-date DATE   with it: the one date of all rows, where the whole week was restated that day
  npm start -- --live              the newest week of each tier from FINRA's Query API; credentials, if you have any, from
                                   FINRA_CLIENT_ID and FINRA_CLIENT_SECRET
             --week-ending DATE    another week: any day of it
             --db PATH             the database file (default .spine/finra.db)
             --json                one JSON summary line last, on standard output
             --once                exit when the job is done, and serve nothing
             --port N              where the API is served: http://127.0.0.1:N/spine (default 4111)
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
      live: { type: "boolean", default: false },
      "week-ending": { type: "string" },
      "last-update-date": { type: "string" },
      db: { type: "string" },
      json: { type: "boolean", default: false },
      once: { type: "boolean", default: false },
      port: { type: "string", default: "4111" },
      help: { type: "boolean", default: false },
    },
  });
  const {
    file,
    live,
    db,
    "week-ending": weekEnding = null,
    "last-update-date": lastUpdateDate = null,
  } = values;
  if (weekEnding !== null) {
    if (file === undefined && !live) {
      throw new TypeError(
        "--week-ending is about a file or the real service: name it with --file, or say --live.",
      );
    }
    toWeekStart(weekEnding);
  }
  if (lastUpdateDate !== null) {
    if (file === undefined) throw new TypeError("--last-update-date is about a file: name it with --file.");
    if (weekEnding === null) {
      throw new TypeError("--last-update-date is about a named week: name it with --week-ending.");
    }
    // Only that it is a date.
    toWeekStart(lastUpdateDate);
  }
  if (live && file !== undefined) {
    throw new TypeError("--live and --file exclude each other: a week comes from the one or from the other.");
  }
  if (file === "") throw new TypeError("--file is empty: give the path of a FINRA weekly file.");
  if (db === "") throw new TypeError("--db is empty: give the path of the database file.");
  if (db === ":memory:") {
    throw new TypeError(
      "--db :memory: would forget the run that the same command is to go on with: give the path of a file.",
    );
  }
  const port = Number(values.port);
  if (!/^\d{1,5}$/.test(values.port) || port > 65_535)
    throw new TypeError(`--port is "${values.port}": give a number from 0 to 65535.`);
  return {
    file: file === undefined ? null : resolve(cwd, file),
    live,
    weekEnding,
    lastUpdateDate,
    db: db === undefined ? resolve(".spine/finra.db") : resolve(cwd, db),
    json: values.json,
    once: values.once,
    port,
    help: values.help,
  };
}
