import type { ChunkWrite, DatasetChunk } from "../../data/dataset.ts";
import { SpineError, textOf } from "../../errors.ts";
import type { JsonValue } from "../../json.ts";
import type { Reject, Row } from "../../sources/source.ts";
import { Rejection, type StepContext, type TransformStep } from "../../workflow/step.ts";
import { datasetOf, type StepOutcome, type StepScope, writerOf } from "../step-scope.ts";
import { ContractedRow } from "./contracted-row.ts";

/** Makes a new dataset chunk by chunk; the index of the chunk read is the checkpoint. */
export async function runTransform(step: TransformStep, scope: StepScope): Promise<StepOutcome> {
  const { context, datasets } = scope;
  const writer = writerOf(scope);
  const input = datasetOf(context, step.from);
  let state = await datasets.open(writer);
  const contracted = new ContractedRow(step, discardedUntil(state.cursor));
  if (!state.sealed) {
    for await (const chunk of datasets.read(input.dataset, {
      fromChunk: state.chunks,
      signal: context.signal,
    })) {
      const made = transformChunk(step, context, chunk, contracted);
      state = await datasets.append(writer, state.dataset, made);
      const done = state.rows + state.rejected;
      const rows = { in: done, out: state.rows, rejected: state.rejected };
      scope.progress(rows, { done, total: input.rows, unit: "rows" });
    }
  }
  const ref = await datasets.seal(writer, state.dataset, { madeOf: input.dataset });
  if (contracted.discarded > 0) context.metric(DISCARDED, contracted.discarded);
  const { redriven } = input;
  const output = redriven ? { ...ref, redriven } : ref;
  return { output, rows: { in: input.rows, out: ref.rows, rejected: ref.rejected } };
}

/** The metric that counts values which the contract has left out. */
const DISCARDED = "discarded_values";

/** How many values were left out up to a chunk: it stands with each, so that an attempt that goes on goes on counting. */
function discardedUntil(cursor: JsonValue | null): number {
  return Number((cursor as { readonly [DISCARDED]?: number } | null)?.[DISCARDED] ?? 0);
}

function transformChunk(
  step: TransformStep,
  context: StepContext,
  chunk: DatasetChunk,
  contracted: ContractedRow,
): ChunkWrite {
  const rows: Row[] = [];
  const lines: number[] = [];
  const rejects: Reject[] = [];
  for (const [index, raw] of chunk.rows.entries()) {
    const line = chunk.lines?.[index] ?? null;
    const result = transformRow(step, context, raw, line, contracted);
    if (result instanceof Rejection) {
      rejects.push({ code: result.code, message: result.message, line, raw: raw as JsonValue });
    } else {
      rows.push(result);
      if (line !== null) lines.push(line);
    }
  }
  const { index, file = null } = chunk;
  const { discarded } = contracted;
  const cursor: JsonValue = discarded === 0 ? index : { chunk: index, [DISCARDED]: discarded };
  return { index, rows, lines: chunk.lines ? lines : null, file, rejects, cursor };
}

function transformRow(
  step: TransformStep,
  context: StepContext,
  raw: Row,
  line: number | null,
  contracted: ContractedRow,
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
  return made instanceof Rejection ? made : contracted.of(made, line);
}
