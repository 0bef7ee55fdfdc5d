import { expect, test } from "vitest";
import { readOptions } from "./options.ts";

const known = ["a", "b"];

test("all mutants, some of them, and lines for programs", () => {
  expect(readOptions(["--mutants"], known)).toEqual({ proof: "mutants", only: null, json: false });
  expect(readOptions(["--mutants", "--only", "b,a", "--json"], known)).toEqual({
    proof: "mutants",
    only: ["b", "a"],
    json: true,
  });
});

test("kills, on both databases or on one, with a seed that can be given again", () => {
  const kills = readOptions(["--kills", "10", "--seed", "7", "--database", "sqlite", "--json"], known);
  expect(kills).toEqual({ proof: "kills", kills: 10, seed: 7, databases: ["sqlite"], json: true });
  expect(readOptions(["--kills", "10"], known)).toMatchObject({
    seed: expect.any(Number),
    databases: ["sqlite", "postgres"],
    json: false,
  });
});

test("outages", () => {
  expect(readOptions(["--outages"], known)).toEqual({ proof: "outages" });
  expect(() => readOptions(["--outages", "--mutants"], known)).toThrow(/--mutants, or --kills/);
});

test("backfills", () => {
  expect(readOptions(["--backfills"], known)).toEqual({ proof: "backfills" });
  expect(() => readOptions(["--backfills", "--outages"], known)).toThrow(/--backfills, --fuzz or --http/);
});

test("http, with a seed that can be given again", () => {
  expect(readOptions(["--http", "--seed", "7"], known)).toEqual({ proof: "http", seed: 7 });
});

test("fuzz, with a number, without, and with a seed", () => {
  expect(readOptions(["--fuzz", "200000", "--seed", "7"], known)).toEqual({
    proof: "fuzz",
    inputs: 200_000,
    seed: 7,
  });
  expect(readOptions(["--fuzz"], known)).toMatchObject({ inputs: 1_000_000, seed: expect.any(Number) });
});

test.each([
  [["--fuzz", "x"], /--fuzz takes a whole number from 1, not "x"/],
  [["--fuzz", "1", "2"], /--fuzz takes one number/],
  [["--mutants", "5"], /5/],
  [[], /--mutants/],
  [["--mutants", "--kills", "1"], /--mutants, or --kills/],
  [["--mutants", "--only", "c"], /knows a, b; not c/],
  [["--mutants", "--only", ","], /not nothing/],
  [["--mutant"], /--mutant/],
  [["--kills", "0"], /--kills takes a whole number from 1, not "0"/],
  [["--kills", "5", "--seed", "x"], /--seed/],
  [["--kills", "5", "--database", "db2"], /sqlite, postgres or both, not "db2"/],
])("%j is refused with what there is", (args, message) => {
  expect(() => readOptions(args, known)).toThrow(message);
});
