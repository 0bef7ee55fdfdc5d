export { type EncodedChunk, encodeChunk } from "../data/chunk-codec.ts";
export { type CuttingProxy, cuttingProxy } from "./cutting-proxy.ts";
export { PostgresServer, type PostgresServerOptions, startPostgres } from "./postgres-server.ts";
export { createTestDatabase } from "./shared-postgres.ts";
