import { parseArgs } from "node:util";

export interface Options {
  /** Mutants by name; null for all. */
  readonly only: readonly string[] | null;
  readonly json: boolean;
}

export const USAGE = `npm run proof -- --mutants [--only a,b] [--json]

  --mutants   breaks each guarantee in the code, one at a time, and demands that its test fails
  --only      these mutants
  --json      JSON lines; the last one has the counts

The last line is "N passed, N failed"; the exit code is 1 when something failed, 2 for a wrong option.`;

/** The command line as options. Throws an error that says what is wrong and what there is. */
export function readOptions(args: readonly string[], known: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      mutants: { type: "boolean", default: false },
      only: { type: "string" },
      json: { type: "boolean", default: false },
    },
  });
  if (!values.mutants) throw new Error("Say what is to be proved: --mutants.");
  const only = values.only?.split(",").filter((name) => name !== "") ?? null;
  const wrong = only?.filter((name) => !known.includes(name)) ?? [];
  if (wrong.length > 0 || only?.length === 0) {
    throw new Error(`--only knows ${known.join(", ")}; not ${wrong.join(", ") || "nothing"}.`);
  }
  return { only, json: values.json };
}
