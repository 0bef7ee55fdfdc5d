// FINRA's data over HTTP, for `createHandler(spine, { operations: finraOperations() })` of spine-http.

export { type FinraOperations, finraOperations } from "./finra-operations.ts";
