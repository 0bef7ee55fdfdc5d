import type { ZodType } from "zod";
import { checkOptions, type OptionKinds, oneOf } from "../check-options.ts";
import { SpineError } from "../errors.ts";

const COLUMNS = ["evolve", "freeze", "discard-row", "discard-value"] as const;
const VALUES = ["freeze", "discard-row", "discard-value"] as const;

/**
 * What becomes of what does not fit the schema of a transform. Values that are left out are counted in the step's metric
 * `discarded_values`; rows that are refused stand among its rejects.
 */
export interface Contract {
  /**
   * A field that the schema does not have: it stays in the row (`evolve`), fails the step (`freeze`: CONTRACT_BROKEN), refuses the
   * row (`discard-row`: UNKNOWN_COLUMN), or is left out (`discard-value`, the default).
   */
  readonly columns?: (typeof COLUMNS)[number];
  /**
   * A value that does not fit: it fails the step (`freeze`: CONTRACT_BROKEN), refuses the row (`discard-row`, the default:
   * INVALID_<FIELD>), or is left out (`discard-value`): the field is null where the schema takes null, missing where it may be
   * missing. Where it may be neither, the row is refused.
   */
  readonly values?: (typeof VALUES)[number];
}

const OPTIONS: OptionKinds<Contract> = { columns: oneOf(COLUMNS), values: oneOf(VALUES) };

/** A contract with nothing left out. */
export type FullContract = Required<Contract>;

/** What holds where nothing is said. */
export const DEFAULT_CONTRACT: FullContract = Object.freeze({
  columns: "discard-value",
  values: "discard-row",
});

/** @throws SpineError WORKFLOW_INVALID for what is no contract, or none that the schema can be held to. @internal */
export function checkContract(step: string, given: unknown, schema: ZodType): FullContract | null {
  if (given === undefined || given === null) return null;
  const of = `the \`contract\` of step "${step}"`;
  checkOptions(given, OPTIONS, { of, name: "contract", code: "WORKFLOW_INVALID" });
  const contract = Object.freeze({ ...DEFAULT_CONTRACT, ...(given as Contract) });
  const needs =
    contract.columns !== DEFAULT_CONTRACT.columns
      ? `columns: "${contract.columns}"`
      : contract.values === "discard-value"
        ? `values: "${contract.values}"`
        : null;
  if (needs === null || fieldsOf(schema)) return contract;
  throw new SpineError(
    "WORKFLOW_INVALID",
    `Step "${step}": its contract says \`${needs}\`, but not which fields its schema has is known. Give it a z.object(…), which may have refinements, and neither \`strict\`, \`loose\` nor \`catchall\`.`,
  );
}

/** What is read of a schema of zod. */
interface Definition {
  readonly type: string;
  readonly shape?: Readonly<Record<string, ZodType>>;
  readonly catchall?: ZodType;
  readonly in?: ZodType;
  readonly innerType?: ZodType;
}

/** The fields of a schema by name, where they are known and others are left out; undefined for any other schema. @internal */
export function fieldsOf(schema: ZodType): Readonly<Record<string, ZodType>> | undefined {
  // Of another version of zod nothing is known.
  const { type, shape, catchall, in: first, innerType } = (schema.def ?? {}) as unknown as Definition;
  // What a schema says of other fields itself, it goes on to decide.
  if (type === "object") return catchall ? undefined : shape;
  if (type === "pipe" && first) return fieldsOf(first);
  return type === "readonly" && innerType ? fieldsOf(innerType) : undefined;
}
