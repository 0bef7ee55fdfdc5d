import type { ZodError } from "zod";

/** Something about a value that does not fit its schema. */
export interface SchemaIssue {
  /** Where in the value: `/` for the whole of it, `/rows/0` for a part. */
  readonly path: string;
  readonly message: string;
}

/** What a schema says about a value, as it stands in the `detail` of an error. */
export function schemaIssues({ issues }: ZodError): readonly SchemaIssue[] {
  return issues.map(({ path, message }) => ({ path: `/${path.map(String).join("/")}`, message }));
}
