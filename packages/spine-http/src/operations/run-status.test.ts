import { memory } from "spine-adapters/databases";
import { type HistoryStore, type Spine, silentLogger } from "spine-core";
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
