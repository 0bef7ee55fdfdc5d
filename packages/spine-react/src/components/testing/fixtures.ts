// What the API answers, for stories and tests: whole and typed, so that a change of the wire is seen here.

export * from "./fixtures/data.ts";
export * from "./fixtures/errors.ts";
export * from "./fixtures/operations.ts";
export * from "./fixtures/runs.ts";
export { ago } from "./fixtures/times.ts";
