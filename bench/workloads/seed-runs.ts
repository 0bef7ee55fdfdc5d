import { createHash } from "node:crypto";
import { newId, type RunCommit, type RunStatus, type Spine } from "spine-core";

/** Runs in one call of the history. */
const BATCH = 500;
const WORKER = "seed";

export const SEEDED_WORKFLOWS = ["bench.daily", "bench.weekly", "bench.monthly"] as const;
const SEEDED_WEEKS = 400;

/** Writes finished runs through the history's own port: one in ten failed, three workflows, a partition each. */
export async function seedRuns(history: Spine["history"], count: number): Promise<readonly string[]> {
  const ids: string[] = [];
  await history.beat(WORKER, "alive");
  while (ids.length < count) {
    const first = ids.length;
    const batch = Array.from({ length: Math.min(BATCH, count - first) }, () => newId());
    await history.commit(batch.map((runId, index) => create(runId, first + index)));
    await history.commit(batch.map((runId, index) => finish(runId, first + index)));
    ids.push(...batch);
  }
  await history.beat(WORKER, "gone");
  return ids;
}

export function weekOf(index: number): string {
  return new Date(Date.UTC(2018, 0, 1 + 7 * (index % SEEDED_WEEKS))).toISOString().slice(0, 10);
}

function create(runId: string, index: number): RunCommit {
  const params = JSON.stringify({ id: index, week: weekOf(index) });
  return {
    kind: "create",
    run: {
      runId,
      workflow: SEEDED_WORKFLOWS[index % SEEDED_WORKFLOWS.length] ?? SEEDED_WORKFLOWS[0],
      domain: "bench",
      partition: { week: weekOf(index) },
      key: null,
      fingerprint: "0000000000000000",
      params,
      paramsHash: createHash("sha256").update(params).digest("hex"),
      triggeredBy: "bench",
      parentRunId: null,
      worker: WORKER,
      availableAt: Date.now(),
    },
    begun: [],
  };
}

function finish(runId: string, index: number): RunCommit {
  const status: RunStatus = index % 10 === 0 ? "FAILED" : "COMPLETED";
  return {
    kind: "advance",
    runId,
    fence: { worker: WORKER, token: 1 },
    transition: { ended: [], begun: [], run: { status }, attachments: [] },
  };
}
