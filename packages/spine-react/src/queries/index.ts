// Options for TanStack Query: no React is imported, so that loaders and servers use them too.

export { isTerminal } from "../is-terminal.ts";
export type { Page, SpinePages, SpineQuery, SpineQueryKey } from "./query-types.ts";
export { type SpineKeys, spineKeys } from "./spine-keys.ts";
export { type SpineQueries, spineQueries } from "./spine-queries.ts";
