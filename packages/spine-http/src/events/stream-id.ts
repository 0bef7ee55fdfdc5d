import { hash } from "node:crypto";
import { HttpProblem } from "../problems.ts";

/** What a stream over the runs of a pipeline goes on behind: the runs that are being told, and where those begin that have come since. */
export interface PipelinePlace {
  readonly place: string;
  /** With the number of the last event that is known of each. */
  readonly runs: ReadonlyMap<string, number>;
}

const ID_BYTES = 16;
const BYTES = ID_BYTES + 4;

/** The `id` of an event of a stream over runs that the request names: their numbers, in the order of their ids. */
export function idOfRuns(runs: readonly string[], after: ReadonlyMap<string, number>): string {
  return `${digestOf(runs.join())}:${runs.map((run) => after.get(run) ?? 0).join(".")}`;
}

/** The numbers in it. @throws HttpProblem bad-header */
export function readIdOfRuns(id: string, runs: readonly string[]): readonly number[] {
  const [known, numbers = ""] = id.split(":");
  const parts = numbers.split(".");
  if (known !== digestOf(runs.join()) || parts.length !== runs.length) throw staleId();
  return parts.map(readNumber);
}

/** The `id` of an event of a stream over a pipeline. It has no authority: whoever comes with it is asked what he may see. */
export function idOfPipeline(pipeline: string, { place, runs }: PipelinePlace): string {
  const bytes = Buffer.alloc(runs.size * BYTES);
  let at = 0;
  for (const [runId, seq] of runs) {
    bytes.write(runId.replaceAll("-", ""), at, "hex");
    bytes.writeUInt32BE(seq, at + ID_BYTES);
    at += BYTES;
  }
  return `${digestOf(pipeline)}:${place}:${bytes.toString("base64url")}`;
}

/** What stands in it. @throws HttpProblem bad-header */
export function readIdOfPipeline(id: string, pipeline: string): PipelinePlace {
  const [known, place, packed, ...more] = id.split(":");
  const bytes = Buffer.from(packed ?? "", "base64url");
  if (known !== digestOf(pipeline) || !place || more.length > 0 || bytes.length % BYTES !== 0)
    throw staleId();
  const runs = new Map<string, number>();
  for (let at = 0; at < bytes.length; at += BYTES) {
    const hex = bytes.toString("hex", at, at + ID_BYTES);
    const runId = hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
    runs.set(runId, bytes.readUInt32BE(at + ID_BYTES));
  }
  return { place, runs };
}

export function readNumber(id: string): number {
  if (/^\d{1,15}$/.test(id)) return Number(id);
  throw staleId();
}

export function staleId(): HttpProblem {
  return new HttpProblem(
    "bad-header",
    "The `Last-Event-ID` is not one of this stream. Leave it out to begin anew.",
  );
}

function digestOf(text: string): string {
  return hash("sha256", text).slice(0, 8);
}
