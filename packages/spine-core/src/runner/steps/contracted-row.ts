import type { ZodError, ZodType } from "zod";
import { SpineError } from "../../errors.ts";
import type { Row } from "../../sources/source.ts";
import { DEFAULT_CONTRACT, type FullContract, fieldsOf } from "../../workflow/contract.ts";
import { Rejection } from "../../workflow/rejection.ts";
import type { TransformStep } from "../../workflow/step.ts";
import { type QuickSchema, quickSchema } from "./quick-schema.ts";

type Made = Readonly<Record<string, unknown>>;
/** What makes rows that are held to a schema. */
type Contracted = Pick<TransformStep, "name" | "schema" | "contract">;
type Issue = ZodError["issues"][number];

/** Holds the rows that a transform makes to its schema and its contract. One for each attempt: it counts. */
export class ContractedRow {
  readonly #step: string;
  readonly #schema: ZodType;
  readonly #quick: QuickSchema | null;
  readonly #contract: FullContract;
  readonly #fields: Readonly<Record<string, ZodType>> | undefined;
  // Rows of one function have the same fields in the same order: those of the row before, and which of them are unknown.
  #keys: readonly string[] = [];
  #unknown: readonly string[] = [];
  /** Values that were left out of the rows. */
  discarded: number;

  /** @param discarded what earlier attempts have counted. */
  constructor({ name, schema, contract }: Contracted, discarded: number) {
    this.#step = name;
    this.#schema = schema;
    this.#quick = quickSchema(schema);
    this.#contract = contract ?? DEFAULT_CONTRACT;
    this.#fields = fieldsOf(schema);
    this.discarded = discarded;
  }

  /** The row as its schema gives it, or a rejection that says what does not fit. @throws SpineError CONTRACT_BROKEN. */
  of(made: unknown, line: number | null): Row | Rejection {
    const unknown = this.#unknownIn(made);
    const { columns } = this.#contract;
    if (unknown.length > 0 && columns === "freeze") throw this.#unknownColumn(unknown, line);
    if (unknown.length > 0 && columns === "discard-row") {
      return new Rejection("UNKNOWN_COLUMN", `The schema has no ${unknown.join(", ")}.`);
    }
    const row = this.#quick?.(made) ?? this.#parsed(made, line);
    if (unknown.length === 0 || row instanceof Rejection) return row;
    if (columns === "evolve") return { ...pick(made as Made, unknown), ...row };
    this.discarded += unknown.length;
    return row;
  }

  #parsed(made: unknown, line: number | null): Row | Rejection {
    const parsed = this.#schema.safeParse(made);
    return parsed.success ? (parsed.data as Row) : this.#unfit(made, parsed.error, line);
  }

  #unknownIn(made: unknown): readonly string[] {
    if (!this.#fields || typeof made !== "object" || made === null) return NONE;
    const keys = this.#keys;
    let count = 0;
    let same = true;
    for (const key in made) {
      if (key !== keys[count]) same = false;
      count += 1;
    }
    if (same && count === keys.length) return this.#unknown;
    const fields = this.#fields;
    this.#keys = [];
    for (const key in made) (this.#keys as string[]).push(key);
    this.#unknown = this.#keys.filter((key) => !Object.hasOwn(fields, key));
    return this.#unknown;
  }

  #unfit(made: unknown, error: ZodError, line: number | null): Row | Rejection {
    const { values } = this.#contract;
    if (values === "freeze") throw this.#brokenValue(error, line);
    return (values === "discard-value" && this.#without(made, error)) || rejectionOf(error);
  }

  /** The row without the values that do not fit; undefined where the schema does not go without one of them. */
  #without(made: unknown, error: ZodError): Row | undefined {
    const left: Record<string, unknown> = { ...(made as Made) };
    const names = new Set<string>();
    // Rules about several fields are only asked once each of them fits.
    for (let { issues } = error; ; ) {
      for (const { path } of issues) {
        const name = String(path[0] ?? "");
        if (names.has(name) || !this.#leaveOut(left, name)) return undefined;
      }
      for (const { path } of issues) names.add(String(path[0]));
      const parsed = this.#schema.safeParse(left);
      if (!parsed.success) {
        issues = parsed.error.issues;
        continue;
      }
      this.discarded += names.size;
      return parsed.data as Row;
    }
  }

  #leaveOut(row: Record<string, unknown>, name: string): boolean {
    const field = this.#fields && Object.hasOwn(this.#fields, name) ? this.#fields[name] : undefined;
    if (!field) return false;
    const empty = field.safeParse(null);
    // One that is coerced takes null, and makes a value of it that nobody has delivered.
    if (empty.success && empty.data === null) row[name] = null;
    else if (field._zod.optin !== undefined) delete row[name];
    else return false;
    return true;
  }

  #unknownColumn([column = ""]: readonly string[], line: number | null): SpineError {
    return new SpineError(
      "CONTRACT_BROKEN",
      `Step "${this.#step}"${at(line)} has made a row with "${column}", which its schema does not have. Add the column to the schema, or say what becomes of such: \`contract: { columns: "evolve" }\`, "discard-row" or "discard-value".`,
      { context: { column, line } },
    );
  }

  #brokenValue({ issues: [issue] }: ZodError, line: number | null): SpineError {
    const column = fieldOf(issue);
    return new SpineError(
      "CONTRACT_BROKEN",
      `Step "${this.#step}"${at(line)} has made a row that does not fit its schema: ${textOf(issue)}. Have the source corrected, widen the schema, or say what becomes of such: \`contract: { values: "discard-row" }\` or "discard-value".`,
      { context: { column: column === "" ? null : column, line } },
    );
  }
}

const NONE: readonly string[] = [];

function at(line: number | null): string {
  return line === null ? "" : ` at line ${line}`;
}

function pick(made: Made, names: readonly string[]): Row {
  return Object.fromEntries(names.map((name) => [name, made[name]]));
}

/** A rejection named after the first field that does not fit. */
function rejectionOf({ issues: [issue] }: ZodError): Rejection {
  const field = fieldOf(issue);
  const code = field === "" ? "INVALID_ROW" : `INVALID_${field.toUpperCase().replace(/[^A-Z0-9]+/g, "_")}`;
  return new Rejection(code, textOf(issue));
}

function fieldOf(issue: Issue | undefined): string {
  return issue?.path.map(String).join(".") ?? "";
}

function textOf(issue: Issue | undefined): string {
  const field = fieldOf(issue);
  return `${field === "" ? "The row" : field}: ${issue?.message ?? "does not fit the schema"}`;
}
