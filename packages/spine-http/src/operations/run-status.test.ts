import { memory } from "spine-adapters/databases";
import {
  createSpine,
  defineWorkflow,
  type HistoryStore,
  type Spine,
  silentLogger,
  TransientError,
} from "spine-core";
import { expect, onTestFinished, test } from "vitest";
import { insecureNoAuth } from "../auth/insecure-no-auth.ts";
import { createHandler } from "../handler.ts";
import { asker } from "../testing/ask.ts";
import { demoSpine } from "../testing/demo.ts";

test("a poll that finds nothing new reads one row, and a hundred at once are one query", async () => {
  const spine = await demoSpine(memory());
  onTestFinished(() => spine.stop());
  const asked: string[] = [];
  const ask = asker(createHandler(counting(spine, asked), { auth: insecureNoAuth(), logger: silentLogger }));
  const runs = await Promise.all([1, 2, 3].map((n) => spine.run("demo.hello", { name: `poll ${n}` })));
  for (const run of runs) await run.result();
  const paths = runs.map(({ id }) => `/pipelines/status/${id}`);
  const etags = await Promise.all(paths.map(async (path) => (await ask("GET", path)).headers.etag));
  asked.length = 0;
  const one = await ask("GET", paths[0] ?? "", { headers: { "if-none-match": etags[0] } });
  expect(one).toMatchObject({ status: 304, text: "" });
  expect(asked).toEqual(["glance 1"]);
  asked.length = 0;
  const many = Array.from({ length: 100 }, (_, index) =>
    ask("GET", paths[index % 3] ?? "", { headers: { "if-none-match": etags[index % 3] } }),
  );
  expect(new Set((await Promise.all(many)).map(({ status }) => status))).toEqual(new Set([304]));
  expect(asked).toEqual(["glance 3"]);
});

test("with `attempts` each step has its history; that a step has come further is a change of its run", async () => {
  const told = [Promise.withResolvers<number>(), Promise.withResolvers<number>()];
  const isOver = Promise.withResolvers<void>();
  const slow = defineWorkflow({ name: "demo.slow" })
    .step(
      "flaky",
      ({ attempt }) => {
        if (attempt === 1) throw new TransientError("not yet");
      },
      { retry: { attempts: 2, delay: 1 } },
    )
    .step("long", async ({ progress }) => {
      for (const { promise } of told) progress({ done: await promise, total: 10 });
      await isOver.promise;
    });
  const spine = await createSpine({ database: memory(), workflows: [slow], logger: silentLogger });
  onTestFinished(() => spine.stop());
  const ask = asker(createHandler(spine, { auth: insecureNoAuth(), logger: silentLogger }));
  const run = await spine.run(slow, {});
  const path = `/pipelines/status/${run.id}`;
  const look = async (etag?: string) =>
    await ask("GET", path, {
      query: "include=attempts,progress",
      headers: etag === undefined ? {} : { "if-none-match": etag },
    });
  const shown = async (done: number) => {
    await expect.poll(async () => (await look()).json.steps[1].progress?.done).toBe(done);
    return await look();
  };
  told[0]?.resolve(3);
  const first = await shown(3);
  const { history, ...flaky } = first.json.steps[0];
  expect(history).toMatchObject([
    { attempt: 1, status: "FAILED", error: "not yet", error_category: "TRANSIENT" },
    { attempt: 2, status: "COMPLETED", error: null, retry_at: null },
  ]);
  expect(history[0].retry_at).not.toBeNull();
  expect(flaky.attempts).toBe(2);
  expect((await ask("GET", path)).json.steps[0].history).toEqual([]);
  expect((await look(first.headers.etag)).status).toBe(304);
  told[1]?.resolve(7);
  const second = await shown(7);
  // How far a step has come is an event too: it is another version of the run.
  expect(second.json.version).toBe(first.json.version + 1);
  expect((await look(first.headers.etag)).status).toBe(200);
  expect((await look(second.headers.etag)).status).toBe(304);
  isOver.resolve();
  await run.result();
  expect((await look(second.headers.etag)).json.status).toBe("COMPLETED");
});

/** Notes what is read of the history. */
function counting(spine: Spine, asked: string[]): Spine {
  const history = new Proxy(spine.history, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== "function") return member;
      return (...args: unknown[]) => {
        asked.push(`${String(name)}${name === "glance" ? ` ${(args[0] as readonly string[]).length}` : ""}`);
        return (member as (...given: unknown[]) => unknown).apply(target, args);
      };
    },
  }) as HistoryStore;
  return { ...spine, history };
}
