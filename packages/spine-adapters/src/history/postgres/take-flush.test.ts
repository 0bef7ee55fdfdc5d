import { newId, systemClock } from "spine-core";
import { advanceCommit, createCommit, stepEnd } from "spine-core/testing";
import { expect, test } from "vitest";
import { RunPositions } from "../run-positions.ts";
import { DatabaseTime } from "./database-time.ts";
import type { QueuedCommit } from "./flush.ts";
import { takeFlush } from "./take-flush.ts";

const LARGE = JSON.stringify("x".repeat(6 * 1024 * 1024));
const fence = { worker: "me", token: 1 };

function taking(commits: readonly QueuedCommit[], positions = new RunPositions()) {
  const { taken, rest } = takeFlush(commits, (commit) => commit, {
    positions,
    time: new DatabaseTime(systemClock),
  });
  return [taken.length, rest.length];
}

test("what is large does not all go into one statement; what is small does", () => {
  const creates = (params: string) =>
    Array.from({ length: 10 }, () => createCommit({ runId: newId(), params }));
  expect(taking(creates("{}"))).toEqual([10, 0]);
  expect(taking(creates(LARGE))).toEqual([3, 7]);

  const positions = new RunPositions();
  const ends = (output: string) =>
    Array.from({ length: 10 }, () => {
      const runId = newId();
      const open = [{ name: "first", kind: "lambda", attempt: 1, seq: 1, event: 3, at: "" }];
      positions.set(runId, { ...fence, attempts: 1, open, seen: 3, parent: null });
      return advanceCommit(runId, fence, { ended: [stepEnd("first", { output })] });
    });
  expect(taking(ends("1"), positions)).toEqual([10, 0]);
  expect(taking(ends(LARGE), positions)).toEqual([3, 7]);

  const checkpoints = Array.from({ length: 10 }, (_, at) =>
    advanceCommit(newId(), fence, {
      attachments: [{ kind: "checkpoint", step: "first", key: String(at), value: LARGE }],
    }),
  );
  expect(taking(checkpoints)).toEqual([3, 7]);
});

test("what is larger than all that fits goes alone", () => {
  const huge = JSON.stringify("x".repeat(17 * 1024 * 1024));
  expect(taking([huge, huge].map((params) => createCommit({ runId: newId(), params })))).toEqual([1, 1]);
});
