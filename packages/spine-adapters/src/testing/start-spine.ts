import { createSpine, type Spine, type SpineOptions, silentLogger, type WorkflowData } from "spine-core";
import { onTestFinished } from "vitest";
import type { SharedPlace } from "./places.ts";

/** A Spine at a place, stopped when the test is over. */
export async function startAt(
  place: SharedPlace,
  workflows: readonly WorkflowData[],
  options: Omit<SpineOptions, "database" | "workflows"> = {},
): Promise<Spine> {
  const spine = await createSpine({
    database: place.database(),
    workflows,
    logger: silentLogger,
    ...options,
  });
  onTestFinished(() => spine.stop());
  return spine;
}

/** The newest attempt of each step: `name attempt status`. */
export async function stepsOf(spine: Spine, runId: string): Promise<readonly string[]> {
  const { steps } = await spine.get(runId);
  return steps.map(({ name, attempt, status }) => `${name} ${attempt} ${status}`);
}
