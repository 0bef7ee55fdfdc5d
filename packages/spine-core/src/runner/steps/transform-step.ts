import type { ZodType } from "zod";
import type { ChunkWrite, DatasetChunk } from "../../data/dataset.ts";
import { SpineError, textOf } from "../../errors.ts";
import type { JsonValue } from "../../json.ts";
import type { Reject, Row } from "../../sources/source.ts";
import { Rejection, type StepContext, type TransformStep } from "../../workflow/step.ts";
import { datasetOf, type StepOutcome, type StepScope, writerOf } from "../step-scope.ts";
import { ChunkAppends } from "./chunk-appends.ts";

/** Makes a new dataset chunk by chunk; the index of the chunk read is the checkpoint. */
export async function runTransform(step: TransformStep, scope: StepScope): Promise<StepOutcome> {
  const { context, datasets } = scope;
  const writer = writerOf(scope);
  const input = datasetOf(context, step.from);
  const state = await datasets.open(writer);
  if (!state.sealed) {
    const appends = new ChunkAppends({ datasets, writer, state, ahead: true });
    try {
      for await (const chunk of datasets.read(input.dataset, {
        fromChunk: state.chunks,
        signal: context.signal,
      })) {
        await appends.add(transformChunk(step, context, chunk), ({ rows: out, rejected }) => {
          const done = out + rejected;
          scope.progress({ in: done, out, rejected }, { done, total: input.rows, unit: "rows" });
        });
      }
      await appends.end();
    } catch (error) {
      await appends.settled();
      throw error;
    }
  }
  const ref = await datasets.seal(writer, state.dataset);
  return { output: ref, rows: { in: input.rows, out: ref.rows, rejected: ref.rejected } };
}

function transformChunk(
  step: TransformStep,
  context: StepContext,
  chunk: DatasetChunk,
): Omit<ChunkWrite, "index"> {
  const rows: Row[] = [];
  const lines: number[] = [];
  const rejects: Reject[] = [];
  for (const [index, raw] of chunk.rows.entries()) {
    const line = chunk.lines?.[index] ?? null;
    const result = transformRow(step, context, raw, line);
    if (result instanceof Rejection) {
      rejects.push({ code: result.code, message: result.message, line, raw: raw as JsonValue });
    } else {
      rows.push(result);
      if (line !== null) lines.push(line);
    }
  }
  const { index, file = null } = chunk;
  return { rows, lines: chunk.lines ? lines : null, file, rejects, cursor: index };
}

function transformRow(
  step: TransformStep,
  context: StepContext,
  raw: Row,
  line: number | null,
): Row | Rejection {
  let made: unknown;
  try {
    made = step.row(raw, context);
  } catch (error) {
    throw new SpineError(
      "TRANSFORM_FAILED",
      `The row function of step "${step.name}" threw${line === null ? "" : ` at line ${line}`}: ${textOf(error)}. Return reject(code, message) for a row that cannot be used.`,
      { context: { line }, cause: error },
    );
  }
  return made instanceof Rejection ? made : parseRow(step.schema, made);
}

/** The row as its schema gives it, or a rejection named after the first field that does not fit. */
function parseRow(schema: ZodType, made: unknown): Row | Rejection {
  const parsed = schema.safeParse(made);
  if (parsed.success) return parsed.data as Row;
  const issue = parsed.error.issues[0];
  const field = issue?.path.map(String).join(".") ?? "";
  const code = field === "" ? "INVALID_ROW" : `INVALID_${field.toUpperCase().replace(/[^A-Z0-9]+/g, "_")}`;
  return new Rejection(
    code,
    `${field === "" ? "The row" : field}: ${issue?.message ?? "does not fit the schema"}`,
  );
}
