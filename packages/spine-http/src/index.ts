// The public face of spine-http. The typed client for browsers: `spine-http/client`.

export { fastifyPlugin } from "./adapters/fastify.ts";
export type { FetchFacts } from "./adapters/fetch.ts";
export { honoHandler } from "./adapters/hono.ts";
export { koaMiddleware } from "./adapters/koa.ts";
export { type NextRoutes, nextRoutes } from "./adapters/next.ts";
export { type Mountable, type NodeHandler, type NodeRequest, toNodeHandler } from "./adapters/node.ts";
// Who may ask
export { type ApiKey, apiKeys } from "./auth/api-keys.ts";
export type { AccessRequest, Auth, AuthRequest, Principal, Scope } from "./auth/auth.ts";
export { hostSession } from "./auth/host-session.ts";
export { insecureNoAuth } from "./auth/insecure-no-auth.ts";
export { PERMISSIONS, type Permission, type Permissions, PRESETS, type Preset } from "./auth/permissions.ts";
export type { Cors } from "./cross-origin.ts";
export { createHandler, type SpineHandler } from "./handler.ts";
export type {
  AuditEntry,
  HandlerOptions,
  Limits,
  ServedPartitions,
  StartRequest,
} from "./handler-options.ts";
// For adapters and operations of one's own
export { BodyTooLarge, type HttpBody, type HttpRequest, type HttpResponse } from "./http-request.ts";
export { openApi } from "./openapi.ts";
export {
  type AnyOperation,
  BYTES,
  type Call,
  EMPTY,
  EVENTS,
  type Method,
  type Operation,
  operation,
  type Plain,
  type Reply,
  type Responses,
  type Scoping,
} from "./operation.ts";
export { OPERATIONS, type SpineOperations } from "./operations/index.ts";
export { RunStarted as StartedRun, startRun } from "./operations/pipelines.ts";
export { statusOf } from "./operations/run-status.ts";
export { HttpProblem, PROBLEMS, type ProblemCode, type ProblemFacts, type ProblemIssue } from "./problems.ts";
