import { REJECT_STATES, type RejectRecord } from "spine-core";
import { z } from "zod";
import { operation } from "../operation.ts";
import { listOf, PAGE, readCursor, writeCursor } from "../wire/list.ts";
import { given, keyOf, RunStarted } from "./pipelines.ts";
import { startedReply } from "./run-controls.ts";

const Reject = z
  .strictObject({
    execution_id: z.string(),
    step: z.string(),
    index: z.int().describe("Its position among the rejects of the step."),
    code: z.string(),
    message: z.string(),
    line: z.int().nullable(),
    file: z.string().nullable(),
    row: z.unknown().describe("As it was refused; null without the permission `runs:output`."),
    state: z.enum(REJECT_STATES),
    redriven_by: z.string().nullable(),
    discarded: z
      .strictObject({ reason: z.string(), by: z.string().nullable(), at: z.iso.datetime() })
      .nullable(),
  })
  .meta({ id: "Reject" });

const Choice = {
  step: z.string().min(1).max(2_000),
  code: z.string().max(200).optional(),
  indexes: z
    .array(
      z
        .int()
        .min(0)
        .max(2 ** 31),
    )
    .max(10_000)
    .optional(),
} as const;
const Changed = z.strictObject({ changed: z.int() });

export const rejectOperations = [
  operation({
    id: "rejects.list",
    method: "GET",
    path: "/history/runs/{id}/rejects",
    summary: "The rows that a step of a run refused, with their reasons.",
    permission: "rejects:read",
    scoping: "access",
    query: z.strictObject({
      step: z.string().min(1).max(2_000).describe("The path of the step."),
      code: z.string().max(200).optional(),
      state: z.enum(REJECT_STATES).optional(),
      ...PAGE,
    }),
    responses: { 200: listOf(Reject) },
    problems: ["not-found", "expired", "bad-cursor"],
    async handle({ spine, access, params, query: { step, code, state, limit = 50, cursor } }) {
      await access.check(params.id);
      const filter = ["rejects", params.id, step, code ?? null, state ?? null];
      const after = readCursor(filter, cursor, "number");
      const found = await spine.rejects.list({
        runId: params.id,
        step,
        limit: limit + 1,
        ...given({ code, state, after }),
      });
      const page = found.slice(0, limit);
      const last = page.at(-1);
      const withRows = access.may("runs:output");
      return {
        status: 200,
        body: {
          items: page.map((reject) => rejectOf(reject, withRows)),
          next_cursor: found.length > limit && last ? writeCursor(filter, last.index) : null,
        },
      };
    },
  }),
  operation({
    id: "rejects.discard",
    method: "POST",
    path: "/history/runs/{id}/rejects/discard",
    summary: "Puts refused rows aside.",
    permission: "rejects:write",
    scoping: "access",
    body: z.strictObject({ ...Choice, reason: z.string().min(1).max(1_000) }),
    responses: { 200: Changed },
    problems: ["not-found", "expired"],
    async handle({ spine, access, params, body: { reason, step, code, indexes }, principal }) {
      await access.check(params.id);
      const choice = { runId: params.id, step, ...given({ code, indexes }) };
      const changed = await spine.rejects.discard(choice, { reason, by: principal.id });
      return { status: 200, body: { changed } };
    },
  }),
  operation({
    id: "rejects.restore",
    method: "POST",
    path: "/history/runs/{id}/rejects/restore",
    summary: "Takes rows back that were put aside.",
    permission: "rejects:write",
    scoping: "access",
    body: z.strictObject(Choice),
    responses: { 200: Changed },
    problems: ["not-found", "expired"],
    async handle({ spine, access, params, body: { step, code, indexes } }) {
      await access.check(params.id);
      const changed = await spine.rejects.restore({ runId: params.id, step, ...given({ code, indexes }) });
      return { status: 200, body: { changed } };
    },
  }),
  operation({
    id: "rejects.redrive",
    method: "POST",
    path: "/history/runs/{id}/rejects/redrive",
    summary: "Starts a run whose input is nothing but refused rows, as they are or mended.",
    permission: "rejects:write",
    scoping: "access",
    body: z
      .strictObject({
        ...Choice,
        edits: z
          .record(z.string().regex(/^\d{1,9}$/), z.record(z.string(), z.unknown()))
          .optional()
          .describe("Rows that stand in for those that were refused, by their `index`."),
        params: z.unknown().optional(),
      })
      .meta({ id: "RedriveRequest" }),
    headers: { "idempotency-key": "A second request with the same key finds the run of the first." },
    responses: { 200: RunStarted, 202: RunStarted },
    problems: ["not-found", "expired", "conflict", "idempotency-mismatch", "bad-header"],
    async handle(call) {
      const { spine, access, params, body, request, principal } = call;
      await access.run(params.id);
      const { key } = keyOf(request.header("idempotency-key"), principal.id);
      const { step, code, indexes, edits, params: others } = body;
      const run = await spine.rejects.redrive(params.id, {
        step,
        // Redrives have no scope of their own: the key has it in itself.
        ...given({
          code,
          indexes,
          edits,
          params: others,
          key: key === undefined ? undefined : `${principal.id} ${key}`,
        }),
      } as Parameters<typeof spine.rejects.redrive>[1]);
      return await startedReply(call, run);
    },
  }),
] as const;

function rejectOf(reject: RejectRecord, withRow: boolean): z.output<typeof Reject> {
  return {
    execution_id: reject.runId,
    step: reject.step,
    index: reject.index,
    code: reject.code,
    message: reject.message,
    line: reject.line,
    file: reject.file,
    row: withRow ? reject.raw : null,
    state: reject.state,
    redriven_by: reject.redrivenBy,
    discarded: reject.discarded && { ...reject.discarded },
  };
}
