import { aText, checkArgument, checkSchedule, type Schedule, SpineError } from "spine-core";
import { LineCounter, parseDocument } from "yaml";
import { z } from "zod";

/** What a file may say of a schedule; what the fields mean is looked at with the schedule itself. */
const Entry = z
  .strictObject({
    name: z.string(),
    workflow: z.string().optional(),
    /** The seed's word. */
    pipeline: z.string().optional(),
    params: z.record(z.string(), z.unknown()).nullish(),
    cron: z.string().nullish(),
    every: z.union([z.string(), z.number()]).nullish(),
    /** Minutes: the seed's way to say `every`. */
    interval: z.number().positive().nullish(),
    at: z.string().nullish(),
    timezone: z.string().nullish(),
    enabled: z.boolean().nullish(),
    catch_up: z
      .union([
        z.string(),
        z.strictObject({
          policy: z.string(),
          max: z.number().optional(),
          window: z.union([z.string(), z.number()]).optional(),
        }),
      ])
      .nullish(),
    overlap: z.string().nullish(),
    misfire_grace: z.union([z.string(), z.number()]).nullish(),
    jitter: z.union([z.string(), z.number()]).nullish(),
    start_at: z.string().nullish(),
    end_at: z.string().nullish(),
    calendar: z.string().nullish(),
    closed_days: z.string().nullish(),
    paused_ticks: z.string().nullish(),
    queue: z.string().nullish(),
    priority: z.number().nullish(),
    tags: z.array(z.string()).nullish(),
  })
  .refine(({ workflow, pipeline }) => (workflow === undefined) !== (pipeline === undefined), {
    path: ["workflow"],
    error: "is to be given once, as `workflow` or as `pipeline`",
  });
const File = z.strictObject({ schedules: z.array(z.unknown()) });

/** How the fields of a file are called in a schedule. */
const NAMES: Readonly<Record<string, string>> = {
  pipeline: "workflow",
  interval: "every",
  catch_up: "catchUp",
  misfire_grace: "misfireGrace",
  start_at: "startAt",
  end_at: "endAt",
  closed_days: "closedDays",
  paused_ticks: "pausedTicks",
};

/**
 * The schedules of a YAML text: a list `schedules`, each with `name`, `workflow` (or `pipeline`) and the fields of a schedule in
 * snake_case; `interval` is `every` in minutes.
 *
 * @throws SpineError CONFIG_INVALID that names the line and the field; none of the schedules is returned then.
 * @example
 * const spine = await createSpine({
 *   database: sqlite("spine.db"),
 *   workflows: [report],
 *   schedules: schedulesFromYaml(await readFile("schedules.yaml", "utf8")),
 * });
 */
export function schedulesFromYaml(text: string): readonly Schedule[] {
  checkArgument("text", text, aText, { of: "schedulesFromYaml", code: "CONFIG_INVALID" });
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true });
  const lineOf = (path: readonly PropertyKey[]): number => {
    // What is missing is looked for where it should be.
    for (let length = path.length; length >= 0; length -= 1) {
      const at = path.slice(0, length) as readonly (string | number)[];
      const node = document.getIn(at, true) as { readonly range?: readonly number[] } | undefined;
      const offset = node?.range?.[0];
      if (offset !== undefined) return lines.linePos(offset).line;
    }
    return 1;
  };
  const refuse = (line: number, path: readonly PropertyKey[], message: string, cause?: unknown) =>
    new SpineError(
      "CONFIG_INVALID",
      `The schedules cannot be read: line ${line}${path.length > 0 ? `, \`${path.map(String).join(".")}\`` : ""}: ${message}.`,
      { detail: { issues: [{ path: `/${path.map(String).join("/")}`, line, message }] }, cause },
    );

  const [broken] = document.errors;
  if (broken) throw refuse(broken.linePos?.[0].line ?? 1, [], broken.message.split("\n")[0] ?? "", broken);
  const parse = <T>(schema: z.ZodType<T>, value: unknown, path: readonly PropertyKey[]): T => {
    const { data, error } = schema.safeParse(value);
    if (!error) return data;
    const [issue] = error.issues;
    const field = issue?.code === "unrecognized_keys" ? issue.keys.slice(0, 1) : [];
    const at = [...path, ...(issue?.path ?? []), ...field];
    throw refuse(lineOf(at), at, issue?.message ?? "is wrong");
  };
  const { schedules } = parse(File, contentOf(document, refuse), []);
  const names = new Map<string, number>();
  return schedules.map((given, index) => {
    const path = ["schedules", index];
    const entry = parse(Entry, given, path);
    const line = lineOf([...path, "name"]);
    const before = names.get(entry.name);
    if (before !== undefined)
      throw refuse(line, [...path, "name"], `"${entry.name}" is taken by the schedule of line ${before}`);
    names.set(entry.name, line);
    const schedule = toSchedule(entry);
    try {
      checkSchedule(schedule, { code: "CONFIG_INVALID" });
    } catch (error) {
      if (!SpineError.is(error)) throw error;
      const [issue] =
        (
          error.detail as
            | { readonly issues?: readonly { readonly path: string; readonly message: string }[] }
            | undefined
        )?.issues ?? [];
      const [field = "", ...rest] = (issue?.path ?? "").split("/").slice(1);
      const at = [...path, fieldIn(entry, field), ...rest];
      throw refuse(lineOf(at), at, issue?.message ?? error.message, error);
    }
    return schedule;
  });
}

/** A text of a few lines can stand for gigabytes by aliases of aliases, which `toJS` refuses. */
function contentOf(
  document: { toJS(): unknown },
  refuse: (line: number, path: readonly PropertyKey[], message: string, cause: unknown) => SpineError,
): unknown {
  try {
    return document.toJS();
  } catch (error) {
    throw refuse(1, [], (error as Error).message, error);
  }
}

function toSchedule({ interval, ...entry }: z.infer<typeof Entry>): Schedule {
  const every = interval === null || interval === undefined ? {} : { every: interval * 60_000 };
  const fields = Object.entries(entry)
    .filter(([, value]) => value !== null && value !== undefined)
    .map(([field, value]) => [NAMES[field] ?? field, value] as const);
  return Object.freeze({ ...Object.fromEntries(fields), ...every }) as unknown as Schedule;
}

/** How the file calls a field. */
function fieldIn(entry: object, field: string): string {
  const [name] = Object.entries(NAMES).find(([name, own]) => own === field && name in entry) ?? [field];
  return name;
}
