import { createHash } from "node:crypto";
import { canonicalJson } from "../json.ts";
import type { Step } from "./step.ts";
import { innerSteps } from "./step-paths.ts";

/** Changes when steps are added, removed, renamed, reordered or read something else; code may change freely. */
export function fingerprint(steps: readonly Step[]): string {
  return createHash("sha256")
    .update(canonicalJson(steps.map(shapeOf)))
    .digest("hex")
    .slice(0, 16);
}

function shapeOf(step: Step): readonly unknown[] {
  const inner = innerSteps(step);
  return [step.name, step.kind, ...inputsOf(step), ...(inner.length > 0 ? [inner.map(shapeOf)] : [])];
}

function inputsOf(step: Step): readonly string[] {
  switch (step.kind) {
    case "fetch":
      return [typeof step.from === "string" ? step.from : step.from.name];
    case "transform":
      return [step.from];
    case "quality":
      return [step.on];
    case "load":
      return [step.from, step.into.name, step.disposition];
    case "ingest":
      return [typeof step.from === "string" ? step.from : step.from.name, step.into.name, step.disposition];
    case "pipeline":
      return [step.pipeline];
    case "wait":
      return step.signal === null ? [] : [step.signal];
    default:
      return [];
  }
}
