import type { SpineClient, Status } from "spine-http/client";
import { createClient } from "spine-http/client";

/** What the other side answers to one request. */
export type Scripted = (request: {
  readonly path: string;
  readonly headers: Headers;
}) => Response | Promise<Response>;

export interface ScriptedApi {
  readonly client: SpineClient;
  /** The requests so far, each with the time at which it came. */
  readonly asked: { readonly path: string; readonly at: number; readonly headers: Headers }[];
  answer: Scripted;
}

/** A network whose other side answers as a test says, for what depends on a clock; what it answers is what the API does. */
export function scriptedApi(answer: Scripted): ScriptedApi {
  const api: ScriptedApi = {
    asked: [],
    answer,
    client: createClient({
      baseUrl: "/spine",
      fetch: async (url, init) => {
        const path = (url as string).replace("/spine", "");
        const headers = new Headers(init?.headers);
        api.asked.push({ path, headers, at: Date.now() });
        return await api.answer({ path, headers });
      },
    }),
  };
  return api;
}

/** A status as the API answers it, with its ETag. */
export function statusAnswer(status: Partial<Status>): Response {
  const body = { ...STATUS, ...status };
  return Response.json(body, { headers: { etag: `W/"${body.execution_id}.${body.version}.0a0b0c0d"` } });
}

export function problemAnswer(status: number, code: string, retryAfter?: number): Response {
  const retryable = status >= 500 || status === 429;
  return Response.json(
    {
      type: "",
      title: code,
      status,
      detail: code,
      instance: "",
      code,
      category: "INTERNAL",
      retryable,
      request_id: "r",
    },
    {
      status,
      headers: {
        "content-type": "application/problem+json",
        ...(retryAfter === undefined ? {} : { "retry-after": String(retryAfter) }),
      },
    },
  );
}

export const RUN_ID = "01a2192a-0f40-7392-a492-acff7d80e3db";
const AT = "2026-01-05T10:00:00.000Z";

const STATUS: Status = {
  execution_id: RUN_ID,
  pipeline: "demo.report",
  domain: null,
  partition: null,
  tags: [],
  status: "RUNNING",
  version: 3,
  error: null,
  error_code: null,
  error_category: null,
  triggered_by: "api",
  parent_execution_id: null,
  rerun_of: null,
  queue: null,
  priority: 0,
  created_at: AT,
  started_at: AT,
  completed_at: null,
  duration: null,
  available_at: null,
  deadline: null,
  error_detail: null,
  definition: "CURRENT",
  steps: [],
  quality: [],
  metrics: {},
  allowed_actions: [],
};
