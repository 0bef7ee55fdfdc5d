// What hosts without a compiler give by mistake: each is refused with what it is and what is expected, and nothing is stored.
import { createSpine, defineWorkflow, type RunItem, type RunOptions, silentLogger } from "spine-core";
import { describe, expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { PLACES } from "./testing/places.ts";

const workflow = defineWorkflow({ name: "demo.given", params: z.object({ n: z.number() }) }).step(
  "first",
  ({ params }) => params.n,
);

describe.each(PLACES)("%s", (_name, open) => {
  async function start() {
    const place = await open();
    const spine = await createSpine({
      database: place.database(),
      workflows: [workflow],
      logger: silentLogger,
    });
    onTestFinished(async () => {
      await spine.stop();
      place.remove();
    });
    return spine;
  }

  const refusal = (path: string, message: string) => ({
    name: "ValidationError",
    code: "VALIDATION_FAILED",
    message: expect.stringContaining(message) as string,
    detail: { issues: [expect.objectContaining({ path })] },
  });

  test("wrong arguments are named", async () => {
    const spine = await start();
    const wrong = <T>(value: unknown) => value as T;
    for (const items of [null, undefined, {}, "items"]) {
      await expect(spine.runMany(workflow, wrong(items))).rejects.toMatchObject(
        refusal("/items", "are a list of { params"),
      );
    }
    await expect(
      spine.runMany(workflow, [{ params: { n: 1 } }, wrong<RunItem & { params: { n: number } }>(null)]),
    ).rejects.toMatchObject({ ...refusal("/item", "null was given"), context: { item: 1 } });
    for (const options of [null, "key", []]) {
      await expect(spine.run(workflow, { n: 1 }, wrong(options))).rejects.toMatchObject(
        refusal("/options", "are an object, or left out"),
      );
    }
    for (const id of [undefined, null, 7, {}]) {
      for (const call of [spine.get, spine.cancel, spine.retry, spine.attach]) {
        await expect(call(wrong(id))).rejects.toMatchObject(refusal("/runId", "as `run.id` has it"));
      }
    }
    for (const none of [undefined, null, 7, {}]) {
      await expect(spine.run(wrong<string>(none), {})).rejects.toMatchObject(
        refusal("/workflow", "its name"),
      );
      await expect(spine.runMany(wrong<string>(none), [])).rejects.toMatchObject(
        refusal("/workflow", "its name"),
      );
    }
    for (const name of [undefined, "a b", ""]) {
      await expect(spine.queues.get(wrong(name))).rejects.toMatchObject(refusal("/queue", "name of a queue"));
    }
    await expect(spine.queues.set("q", wrong([]))).rejects.toMatchObject(
      refusal("/", "The settings of a queue are an object, not a list."),
    );
    expect((await spine.history.list({})).items).toEqual([]);
  });

  test("an option that does not exist is refused, and those that do are listed", async () => {
    const spine = await start();
    const misspelt = { prioritty: 5 } as RunOptions;
    const refused = {
      ...refusal("/prioritty", "`prioritty` is no option"),
      message: expect.stringMatching(/`prioritty` is no option.*`priority`.*`startAt`/) as string,
    };
    await expect(spine.run(workflow, { n: 1 }, misspelt)).rejects.toMatchObject(refused);
    const items = [{ params: { n: 1 } }, { params: { n: 2 }, ...misspelt }];
    await expect(spine.runMany(workflow, items)).rejects.toMatchObject({ ...refused, context: { item: 1 } });
    // Parameters among the options would have taken the place of the others.
    await expect(spine.run(workflow, { n: 1 }, { params: { n: 2 } } as RunOptions)).rejects.toMatchObject(
      refusal("/params", "`params` is no option"),
    );
    expect((await spine.history.list({})).items).toEqual([]);
    const left = { prioritty: undefined, priority: 3 } as RunOptions;
    expect((await (await spine.run(workflow, { n: 1 }, left)).result()).outputs).toEqual({ first: 1 });
    const parent = defineWorkflow({ name: "demo.parent" }).pipeline("child", {
      run: workflow,
      params: () => ({ n: 7 }),
    });
    expect((await (await spine.run(parent, {})).result()).outputs).toMatchObject({
      child: { first: 7 },
    });
  });

  test("a Spine that was stopped says so, whatever it is asked", async () => {
    const spine = await start();
    const run = await spine.run(workflow, { n: 1 });
    await run.result();
    await spine.stop();
    const stopped = { code: "STOPPED", message: "This Spine has been stopped. Create a new one to go on." };
    for (const call of [
      () => spine.run(workflow, { n: 1 }),
      () => spine.runMany(workflow, [{ params: { n: 1 } }]),
      () => spine.start(),
      () => spine.get(run.id),
      () => spine.cancel(run.id),
      () => spine.retry(run.id),
      () => spine.attach(run.id),
    ]) {
      await expect(call()).rejects.toMatchObject(stopped);
    }
  });
});
