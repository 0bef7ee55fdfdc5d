import { memory } from "spine-adapters/databases";
import { expect, onTestFinished, test } from "vitest";
import { demoSpine } from "../testing/demo.ts";
import { RunFeed } from "./run-feed.ts";

test("who leaves before the run was found leaves nobody behind who watches it", async () => {
  const spine = await demoSpine(memory());
  onTestFinished(() => spine.stop());
  const { id } = await spine.run("demo.gated", {});
  const watches: { readonly isOver: () => boolean }[] = [];
  const feed = new RunFeed(
    {
      attach: (async (runId: string) => {
        const run = await spine.attach(runId);
        const watch = () => {
          const changes = run.watch()[Symbol.asyncIterator]();
          let isOver = false;
          watches.push({ isOver: () => isOver });
          const leave = async () => {
            const left = await changes.return?.();
            isOver = true;
            return left ?? { done: true as const, value: undefined };
          };
          return { [Symbol.asyncIterator]: () => ({ next: () => changes.next(), return: leave }) };
        };
        return { ...run, watch };
      }) as typeof spine.attach,
    },
    1,
  );
  const listener = { changed: () => {}, failed: () => {} };
  feed.follow(id, listener)();
  await expect.poll(() => watches.length).toBe(1);
  await expect.poll(() => watches[0]?.isOver()).toBe(true);
  // One that is followed goes on being watched, until it is left.
  const stop = feed.follow(id, listener);
  await expect.poll(() => watches.length).toBe(2);
  expect(watches[1]?.isOver()).toBe(false);
  stop();
  await expect.poll(() => watches[1]?.isOver()).toBe(true);
});
