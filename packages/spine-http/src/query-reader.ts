import { z } from "zod";
import { HttpProblem, type ProblemIssue } from "./problems.ts";
import { MOST_ISSUES } from "./to-problem.ts";

type Kind = "text" | "number" | "boolean" | "list" | "numbers" | "words";

/** What has a name would be a reference, and not say what it is. */
const NO_NAMES = z.registry<{ id?: string }>();

/** Reads a query by its schema: numbers, true and false, and lists, whose members are repeated (of words: or joined by commas). */
export class QueryReader {
  readonly #schema: z.ZodType;
  readonly #kinds: ReadonlyMap<string, Kind>;

  constructor(schema: z.ZodType) {
    this.#schema = schema;
    const { properties = {} } = z.toJSONSchema(schema, { io: "input", reused: "inline", metadata: NO_NAMES });
    this.#kinds = new Map(Object.entries(properties).map(([name, member]) => [name, kindOf(member)]));
  }

  /** @throws HttpProblem bad-query */
  read(query: string): unknown {
    const given: Record<string, unknown> = {};
    if (query !== "") {
      for (const [name, value] of new URLSearchParams(query)) {
        const kind = this.#kinds.get(name) ?? "text";
        const known = Object.hasOwn(given, name);
        if (kind === "list" || kind === "numbers" || kind === "words") {
          const more =
            kind === "words" ? value.split(",") : [kind === "list" ? value : readAs("number", value)];
          setOwn(given, name, [...((given[name] as unknown[] | undefined) ?? []), ...more]);
        } else if (known) throw wrong([{ path: `/${name}`, code: "repeated", message: "was given twice" }]);
        else setOwn(given, name, readAs(kind, value));
      }
    }
    const parsed = this.#schema.safeParse(given);
    if (parsed.success) return parsed.data;
    throw wrong(issuesOf(parsed.error, ""));
  }
}

/** What does not fit a schema, by JSON Pointer. */
export function issuesOf({ issues }: z.ZodError, at: string): readonly ProblemIssue[] {
  return issues.slice(0, MOST_ISSUES).map(({ path, code, message }) => ({
    path: `${at}${path.map((part) => `/${pointer(String(part))}`).join("")}` || "/",
    code,
    message,
  }));
}

function pointer(part: string): string {
  return part.replaceAll("~", "~0").replaceAll("/", "~1").slice(0, 200);
}

function wrong(errors: readonly ProblemIssue[]): HttpProblem {
  const names = errors.map(({ path, message }) => `${path}: ${message}`).join("; ");
  return new HttpProblem("bad-query", `The query does not fit: ${names.slice(0, 1_000)}.`, { errors });
}

function kindOf(member: unknown): Kind {
  const { type, items } = member as {
    readonly type?: string;
    readonly items?: { readonly enum?: unknown; readonly type?: string };
  };
  if (isNumeric(type)) return "number";
  if (type === "boolean") return "boolean";
  if (type !== "array") return "text";
  return items?.enum ? "words" : isNumeric(items?.type) ? "numbers" : "list";
}

function isNumeric(type: string | undefined): boolean {
  return type === "integer" || type === "number";
}

function readAs(kind: Kind, value: string): unknown {
  if (kind === "number" && /^-?\d{1,15}(?:\.\d{1,15})?$/.test(value)) return Number(value);
  if (kind === "boolean" && (value === "true" || value === "false")) return value === "true";
  return value;
}

function setOwn(target: Record<string, unknown>, name: string, value: unknown): void {
  Object.defineProperty(target, name, { value, enumerable: true, configurable: true, writable: true });
}
