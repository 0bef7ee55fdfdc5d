import { parseArgs } from "node:util";

export interface Options {
  readonly quick: boolean;
  readonly json: boolean;
  /** Workloads, e.g. `w2`; null for all. */
  readonly only: readonly string[] | null;
  /** Systems by name; null for all. */
  readonly systems: readonly string[] | null;
}

export const USAGE = `npm run bench -- [--quick] [--only w1,w2,w5,w8] [--systems a,b] [--json]

  --quick     smaller sizes: at most 8 minutes on 2 cores
  --only      these workloads (data and http too), or single experiments such as w2-one
  --systems   these systems
  --json      JSON lines instead of tables; the last line is the summary`;

/** The command line as options. Throws an error that says what is wrong and what there is. */
export function readOptions(
  args: readonly string[],
  known: { readonly experiments: readonly string[]; readonly systems: readonly string[] },
): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      only: { type: "string" },
      systems: { type: "string" },
    },
  });
  const groups = [...new Set(known.experiments.map((id) => id.split("-")[0] ?? id))];
  return {
    quick: values.quick,
    json: values.json,
    only: choose("--only", values.only, [...groups, ...known.experiments]),
    systems: choose("--systems", values.systems, known.systems),
  };
}

/** True when an experiment is chosen by its own name or by its workload's. */
export function isChosen(id: string, { only }: Pick<Options, "only">): boolean {
  return only === null || only.some((one) => one === id || (!one.includes("-") && id.startsWith(`${one}-`)));
}

function choose(
  option: string,
  text: string | undefined,
  known: readonly string[],
): readonly string[] | null {
  if (text === undefined) return null;
  const chosen = text.split(",").filter((name) => name !== "");
  const wrong = chosen.filter((name) => !known.includes(name));
  if (wrong.length === 0 && chosen.length > 0) return chosen;
  throw new Error(`${option} knows ${[...new Set(known)].join(", ")}; not ${wrong.join(", ") || "nothing"}.`);
}
