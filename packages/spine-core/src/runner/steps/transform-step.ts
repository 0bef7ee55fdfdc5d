import type { ChunkWrite, DatasetChunk } from "../../data/dataset.ts";
import { SpineError, textOf } from "../../errors.ts";
import type { JsonValue } from "../../json.ts";
import type { Reject, Row } from "../../sources/source.ts";
import { Rejection } from "../../workflow/rejection.ts";
import type { TransformStep } from "../../workflow/step.ts";
import type { StepContext } from "../../workflow/step-context.ts";
import { datasetOf, type StepOutcome, type StepScope, writerOf } from "../step-scope.ts";
import { ChunkAppends } from "./chunk-appends.ts";
import { ContractedRow } from "./contracted-row.ts";

/** Makes a new dataset chunk by chunk; the index of the chunk read is the checkpoint. */
export async function runTransform(step: TransformStep, scope: StepScope): Promise<StepOutcome> {
  const { context, datasets } = scope;
  const writer = writerOf(scope);
  const input = datasetOf(context, step.from);
  const state = await datasets.open(writer);
  const contracted = new ContractedRow(step, discardedUntil(state.cursor));
  if (!state.sealed) {
    const appends = new ChunkAppends({ datasets, writer, state, ahead: true });
    try {
      for await (const chunk of datasets.read(input.dataset, {
        fromChunk: state.chunks,
        signal: context.signal,
      })) {
        const made = transformChunk(step, context, chunk, contracted);
        await appends.add(made, ({ rows: out, rejected }) => {
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
  const ref = await datasets.seal(writer, state.dataset, { madeOf: input.dataset });
  if (contracted.discarded > 0) context.metric(DISCARDED, contracted.discarded);
  const { redriven } = input;
  const output = redriven ? { ...ref, redriven } : ref;
  return { output, rows: { in: input.rows, out: ref.rows, rejected: ref.rejected } };
}

/** The metric that counts values which the contract has left out. */
export const DISCARDED = "discarded_values";

/** How many values were left out up to a chunk: it stands with each, so that an attempt that goes on goes on counting. */
function discardedUntil(cursor: JsonValue | null): number {
  return Number((cursor as { readonly [DISCARDED]?: number } | null)?.[DISCARDED] ?? 0);
}

function transformChunk(
  step: TransformStep,
  context: StepContext,
  chunk: DatasetChunk,
  contracted: ContractedRow,
): Omit<ChunkWrite, "index"> {
  const rows: Row[] = [];
  const lines: number[] = [];
  const rejects: Reject[] = [];
  const { rows: given } = chunk;
  for (let position = 0; position < given.length; position += 1) {
    const raw = given[position] as Row;
    const line = chunk.lines?.[position] ?? null;
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
  return { rows, lines: chunk.lines ? lines : null, file, rejects, cursor };
}

/** The row that a row becomes, or why it does not. */
export function transformRow(
  step: Pick<TransformStep, "name" | "row">,
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
