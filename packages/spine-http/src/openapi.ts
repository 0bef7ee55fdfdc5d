import { z } from "zod";
import { type AnyOperation, BYTES, EMPTY, EVENTS } from "./operation.ts";
import { PROBLEMS, type ProblemCode } from "./problems.ts";
import { Problem } from "./wire/problem.ts";

/** What every operation may answer beside its own: those that need no caller have only the last ones. */
const ALWAYS: readonly ProblemCode[] = ["bad-path", "bad-query", "internal", "draining", "store-unavailable"];
const WITH_CALLER: readonly ProblemCode[] = ["unauthenticated", "forbidden"];
const WITH_WRITE: readonly ProblemCode[] = ["cross-origin", "rate-limited"];
const WITH_BODY: readonly ProblemCode[] = ["bad-json", "too-large", "unsupported-media", "invalid-body"];

/** The problems that an operation may answer. */
export function problemsOf({ permission, method, body, problems }: AnyOperation): readonly ProblemCode[] {
  return [
    ...ALWAYS,
    ...(permission === null ? [] : WITH_CALLER),
    ...(method === "GET" ? [] : WITH_WRITE),
    ...(body ? WITH_BODY : []),
    ...problems,
  ];
}

/**
 * Operations as OpenAPI 3.1, from zod's own JSON Schema.
 *
 * @param basePath where they are mounted.
 */
export function openApi(operations: readonly AnyOperation[], basePath: string) {
  const schemas: Record<string, unknown> = {};
  const schemaOf = (schema: z.ZodType, io: "input" | "output") => {
    const {
      $schema: _,
      $defs = {},
      ...rest
    } = z.toJSONSchema(schema, { io, unrepresentable: "any" }) as Record<string, unknown> & {
      readonly $defs?: Record<string, unknown>;
    };
    for (const [name, definition] of Object.entries($defs)) schemas[name] ??= inComponents(definition);
    return inComponents(rest);
  };
  const problem = schemaOf(Problem, "output");
  const paths: Record<string, Record<string, unknown>> = {};
  for (const each of operations) {
    const path = each.path.replaceAll("+}", "}");
    paths[path] ??= {};
    paths[path][each.method.toLowerCase()] = operationOf(each, schemaOf, problem);
  }
  return {
    openapi: "3.1.0" as const,
    info: {
      title: "Spine",
      version: "1",
      description: "Durable data pipelines: start runs, follow them, and look at what they did.",
    },
    servers: [{ url: basePath === "" ? "/" : basePath }],
    paths,
    components: { schemas, securitySchemes: { host: { type: "http", scheme: "bearer" } } },
    security: [{ host: [] }],
  };
}

type SchemaOf = (schema: z.ZodType, io: "input" | "output") => unknown;

function operationOf(each: AnyOperation, schemaOf: SchemaOf, problem: unknown) {
  const [tag] = each.id.split(".");
  return {
    operationId: each.id,
    tags: [tag],
    summary: each.summary,
    ...(each.permission === null ? { security: [] } : { "x-permission": each.permission }),
    parameters: [
      ...[...each.path.matchAll(/\{(\w+)\+?\}/g)].map(([, name]) => ({
        name,
        in: "path",
        required: true,
        schema: { type: "string" },
      })),
      ...queryParameters(each, schemaOf),
      ...Object.entries(each.headers ?? {}).map(([name, description]) => ({
        name,
        in: "header",
        description,
        schema: { type: "string" },
      })),
    ],
    ...(each.body
      ? {
          requestBody: {
            required: each.bodyOptional !== true,
            content: { "application/json": { schema: bodySchema(each, schemaOf) } },
          },
        }
      : {}),
    responses: responsesOf(each, schemaOf, problem),
  };
}

function bodySchema(each: AnyOperation, schemaOf: SchemaOf): unknown {
  const schema = schemaOf(each.body as z.ZodType, "input");
  if (!each.bareParams) return schema;
  return {
    anyOf: [
      schema,
      { type: "object", description: "The parameters themselves.", not: { required: ["params"] } },
    ],
  };
}

function queryParameters({ query }: AnyOperation, schemaOf: SchemaOf) {
  if (!query) return [];
  const { properties = {}, required = [] } = schemaOf(query as z.ZodType, "input") as {
    readonly properties?: Readonly<Record<string, { readonly type?: string; readonly description?: string }>>;
    readonly required?: readonly string[];
  };
  return Object.entries(properties).map(([name, schema]) => ({
    name,
    in: "query",
    required: required.includes(name),
    ...(schema.description === undefined ? {} : { description: schema.description }),
    ...(schema.type === "array" ? { style: "form", explode: true } : {}),
    schema,
  }));
}

function responsesOf(each: AnyOperation, schemaOf: SchemaOf, problem: unknown) {
  const own = Object.entries(each.responses).map(([status, schema]) => [
    status,
    { description: SAYS[status] ?? "Done.", ...contentOf(schema as z.ZodType | string, schemaOf) },
  ]);
  const byStatus = Map.groupBy(problemsOf(each), (code) => PROBLEMS[code].status);
  const problems = [...byStatus].map(([status, codes]) => [
    String(status),
    { description: codes.join(", "), content: { "application/problem+json": { schema: problem } } },
  ]);
  // What an operation says itself, e.g. about 503, stands before the problem with that status.
  return { ...Object.fromEntries(problems), ...Object.fromEntries(own) };
}

const SAYS: Readonly<Record<string, string>> = {
  200: "Done.",
  201: "Made.",
  202: "Accepted: it goes on by itself.",
  204: "There is nothing to say.",
  206: "A part of it.",
  304: "It is as it was.",
};

function contentOf(schema: z.ZodType | string, schemaOf: SchemaOf) {
  if (schema === EMPTY) return {};
  if (schema === EVENTS) return { content: { "text/event-stream": { schema: { type: "string" } } } };
  if (schema === BYTES)
    return { content: { "application/octet-stream": { schema: { type: "string", format: "binary" } } } };
  return { content: { "application/json": { schema: schemaOf(schema as z.ZodType, "output") } } };
}

/** References as they are in OpenAPI. */
function inComponents(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inComponents);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => key !== "id")
      .map(([key, member]) => [
        key,
        key === "$ref" && typeof member === "string"
          ? member.replace("#/$defs/", "#/components/schemas/")
          : inComponents(member),
      ]),
  );
}
