import { expect, test } from "vitest";
import { isChosen, readOptions } from "./options.ts";

const known = { experiments: ["w1", "w2", "w2-one"], systems: ["spine-sqlite", "dbos"] };

test("a workload stands for its experiments, an experiment for itself", () => {
  const { only } = readOptions(["--only", "w2"], known);
  expect(known.experiments.filter((id) => isChosen(id, { only }))).toEqual(["w2", "w2-one"]);
  const one = readOptions(["--only", "w2-one", "--quick"], known);
  expect(known.experiments.filter((id) => isChosen(id, one))).toEqual(["w2-one"]);
  expect(one).toMatchObject({ quick: true, json: false, systems: null });
});

test("what does not exist is refused with what does", () => {
  expect(() => readOptions(["--systems", "dbos,dbso"], known)).toThrow(
    "--systems knows spine-sqlite, dbos; not dbso.",
  );
  expect(() => readOptions(["--only", ""], known)).toThrow("not nothing");
});
