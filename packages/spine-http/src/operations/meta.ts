import { hash } from "node:crypto";
import { z } from "zod";
import { holds } from "../auth/permissions.ts";
import { openApi } from "../openapi.ts";
import { type AnyOperation, type Call, EMPTY, operation } from "../operation.ts";

export const metaOperations = [
  operation({
    id: "meta.openapi",
    method: "GET",
    path: "/openapi.json",
    summary: "This API as OpenAPI 3.1: the operations that the caller may use.",
    permission: "pipelines:read",
    scoping: "open",
    headers: { "if-none-match": "The `ETag` of an earlier answer." },
    responses: { 200: z.looseObject({ openapi: z.literal("3.1.0") }), 304: EMPTY },
    problems: [],
    handle(call) {
      const { document, etag } = documentOf(call);
      const headers = { etag, "cache-control": "private, no-cache" };
      const known = call.request.header("if-none-match")?.split(",") ?? [];
      if (known.some((tag) => tag.trim().replace(/^W\//, "") === etag))
        return { status: 304, body: null, headers };
      return { status: 200, body: document, headers };
    },
  }),
  operation({
    id: "meta.session",
    method: "GET",
    path: "/session",
    summary: "Who the caller is, and what he may do.",
    permission: "pipelines:read",
    scoping: "open",
    responses: {
      200: z.strictObject({
        principal: z.string(),
        read_only: z.boolean(),
        permissions: z.array(z.string()),
        operations: z.array(z.string()),
      }),
    },
    problems: [],
    handle(call) {
      const operations = usable(call);
      const permissions = new Set(
        operations.flatMap(({ permission }) => (permission === null ? [] : [permission])),
      );
      return {
        status: 200,
        body: {
          principal: call.principal.id,
          read_only: call.services.readOnly,
          permissions: [...permissions].sort(),
          operations: operations.map(({ id }) => id),
        },
      };
    },
  }),
] as const;

interface Described {
  readonly document: ReturnType<typeof openApi>;
  readonly etag: string;
}
const MOST_DOCUMENTS = 20;
const documents = new WeakMap<readonly AnyOperation[], Map<string, Described>>();

/** Made once for all who may use the same operations: it takes a fifth of a second. */
function documentOf(call: Call): Described {
  const { operations } = call.services;
  const kept = documents.get(operations) ?? new Map<string, Described>();
  documents.set(operations, kept);
  const own = usable(call);
  const key = own.map(({ id }) => id).join();
  const known = kept.get(key);
  if (known) return known;
  const document = openApi(own, call.path(""));
  const described = { document, etag: `"${hash("sha256", JSON.stringify(document)).slice(0, 16)}"` };
  const [oldest] = kept.keys();
  if (kept.size >= MOST_DOCUMENTS && oldest !== undefined) kept.delete(oldest);
  kept.set(key, described);
  return described;
}

function usable({ services, principal }: Call): readonly AnyOperation[] {
  return services.operations.filter(
    ({ permission, scoping, method }) =>
      (permission === null || holds(principal.permissions, permission)) &&
      !(principal.scope && scoping === "whole") &&
      !(services.readOnly && method !== "GET"),
  );
}
