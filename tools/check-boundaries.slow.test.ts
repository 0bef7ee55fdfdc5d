import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";

const script = join(import.meta.dirname, "check-boundaries.mjs");
const repository = join(import.meta.dirname, "..");
const roots: string[] = [];

afterEach(() => {
  for (const root of roots.splice(0)) rmSync(root, { recursive: true });
});

function check(root: string): { status: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, root], { encoding: "utf8" });
  return { status, output: stdout + stderr };
}

/** Checks a small tree: path below packages/ (or a folder beside it) → source. */
function checkTree(tree: Record<string, string>) {
  const root = mkdtempSync(join(tmpdir(), "spine-boundaries-"));
  roots.push(root);
  for (const [path, source] of Object.entries(tree)) {
    const file = join(root, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, source);
  }
  return check(root);
}

const core = "packages/spine-core/src";
const adapters = "packages/spine-adapters/src";
const finra = "packages/spine-finra/src";

test("the repository keeps its boundaries", () => {
  const { status, output } = check(repository);
  expect(output).toMatch(/^boundaries ok: \d+ files\n$/);
  expect(status).toBe(0);
});

describe("what must not be", () => {
  const forbidden: [title: string, file: string, source: string, message: string][] = [
    [
      "core imports a package of ours",
      `${core}/spine.ts`,
      `import { sqlite } from "spine-adapters/databases";`,
      `${core}/spine.ts:1 imports spine-adapters/databases: spine-core may import nothing of ours`,
    ],
    [
      "a domain imports a database",
      `${finra}/index.ts`,
      `import { z } from "zod";\nimport { sqlite } from "spine-adapters/databases";`,
      `${finra}/index.ts:2 imports spine-adapters/databases: spine-finra may import only spine-core, spine-adapters/sources`,
    ],
    [
      "sources import a test suite of another package",
      `${adapters}/databases/sqlite.ts`,
      `import { testDatabase } from "spine-core/testing";`,
      "spine-adapters may import only spine-core",
    ],
    [
      "types count too",
      `${adapters}/a.ts`,
      `import type { X } from "spine-finra";`,
      "may import only spine-core",
    ],
    [
      "re-exports count too",
      `${adapters}/a.ts`,
      `export * from "spine-finra";`,
      "may import only spine-core",
    ],
    [
      "dynamic imports count too",
      `${adapters}/a.ts`,
      `await import("spine-finra");`,
      "may import only spine-core",
    ],
    [
      "dynamic imports of a template count too",
      `${adapters}/a.ts`,
      "await import(`spine-finra`);",
      "may import only spine-core",
    ],
    [
      "types of imports count too",
      `${adapters}/a.ts`,
      `type X = import("spine-finra").X;`,
      "may import only spine-core",
    ],
    [
      "imports over several lines count too",
      `${adapters}/a.ts`,
      `import {\n  finra,\n  type Tier,\n} from 'spine-finra';`,
      `${adapters}/a.ts:4 imports spine-finra`,
    ],
    [
      "a module that says so in its name counts too",
      `${adapters}/a.mts`,
      `import "spine-finra";`,
      "may import only spine-core",
    ],
    ["a script counts too", `${adapters}/a.cts`, `import "spine-finra";`, "may import only spine-core"],
    ["require counts too", `${adapters}/a.ts`, `require("spine-finra");`, "may import only spine-core"],
    [
      "what require would resolve counts too",
      `${adapters}/a.ts`,
      `require.resolve( "spine-finra" );`,
      "may import only spine-core",
    ],
    [
      "a path in require counts too",
      `${core}/errors.ts`,
      `const { step } = require("./workflow/step.ts");`,
      "spine-core's leaves must not import its contracts",
    ],
    [
      "a require of one's own making",
      `${adapters}/a.ts`,
      `import { createRequire } from "node:module";\nconst load = createRequire(import.meta.url);`,
      `${adapters}/a.ts:1 imports node:module: `,
    ],
    [
      "a require of a test's own making",
      `${adapters}/a.test.ts`,
      `createRequire(import.meta.url).resolve("spine-finra");`,
      "tests of spine-adapters may import only spine-core, spine-core/testing",
    ],
    [
      "core imports a driver",
      `${core}/database/database.ts`,
      `import Database from "better-sqlite3";`,
      `${core}/database/database.ts:1 imports better-sqlite3: spine-core knows no driver`,
    ],
    [
      "types of a driver count too",
      `${core}/testing/a.ts`,
      `import type { Pool } from "pg";`,
      "imports pg: spine-core knows no driver",
    ],
    ["core requires a driver", `${core}/spine.ts`, `require("ibm_db");`, "spine-core knows no driver"],
    [
      "core's tests import a driver",
      `${core}/errors.test.ts`,
      `import "node:sqlite";`,
      "spine-core knows no driver",
    ],
    [
      "a file of core that no layer names",
      `${core}/data/parquet.ts`,
      "export const a = 1;",
      `${core}/data/parquet.ts is in no layer of spine-core: name it in tools/check-boundaries.mjs`,
    ],
    [
      "a folder of core that no layer names",
      `${core}/parquet/reader.ts`,
      "export const a = 1;",
      `${core}/parquet/reader.ts is in no layer of spine-core`,
    ],
    [
      "a package imports itself by name",
      `${finra}/a.ts`,
      `import { finra } from "spine-finra";`,
      "inside a package, import by relative path",
    ],
    [
      "a package that has no rule",
      "packages/spine-weather/src/index.ts",
      `import { x } from "spine-core";`,
      "spine-weather is not in the table",
    ],
    [
      "a path into another package",
      `${finra}/a.ts`,
      `import { x } from "../../spine-core/src/errors.ts";`,
      "import spine-core by its name, not by a path",
    ],
    [
      "the files of another package",
      "examples/a.ts",
      `import { x } from "spine-core/src/errors.ts";`,
      "import what spine-core exports, not its files",
    ],
    [
      "a package imports examples",
      `${finra}/a.ts`,
      `import "../../../examples/a.ts";`,
      "nothing imports examples/",
    ],
    ["tools import bench", "tools/a.ts", `import "../bench/run.ts";`, "nothing imports bench/"],
    ["examples by name", "bench/a.ts", `import "spine-examples";`, "nothing imports examples/"],
    [
      "a package imports tools",
      `${finra}/a.ts`,
      `import "../../../tools/a.mjs";`,
      "imports nothing outside its folder",
    ],
    [
      "a leaf imports a contract",
      `${core}/errors.ts`,
      `import type { Step } from "./workflow/step.ts";`,
      "spine-core's leaves must not import its contracts",
    ],
    [
      "a contract imports the engine",
      `${core}/runner/runner.ts`,
      `import type { X } from "./durable-runner.ts";`,
      "spine-core's contracts must not import its engine",
    ],
    [
      "the engine imports spine.ts",
      `${core}/runner/durable-runner.ts`,
      `import type { Spine } from "../spine.ts";`,
      "spine-core's engine must not import its spine",
    ],
    [
      "spine.ts imports the barrel",
      `${core}/spine.ts`,
      `import { SpineError } from "./index.ts";`,
      "spine-core's spine must not import its index",
    ],
    [
      "the barrel imports the suites",
      `${core}/index.ts`,
      `export * from "./testing/index.ts";`,
      "spine-core's index must not import its testing",
    ],
    [
      "a browser package reaches Node",
      "packages/spine-react/src/use-run.ts",
      `import { join } from "node:path";`,
      "spine-react runs in browsers and must not reach node:path",
    ],
    [
      "a browser client reaches the server's packages",
      "packages/spine-http/src/client.ts",
      `import type { Run } from "spine-core";`,
      "spine-http runs in browsers and must not reach spine-core",
    ],
  ];

  test.each(forbidden)("%s", (_title, file, source, message) => {
    const { status, output } = checkTree({ [file]: source });
    expect(output).toContain(message);
    expect(output.trim().split("\n")).toHaveLength(1);
    expect(status).toBe(1);
  });

  test("a cycle, named once", () => {
    const { status, output } = checkTree({
      [`${finra}/a.ts`]: `import { b } from "./b.ts";`,
      [`${finra}/b.ts`]: `import { c } from "./deep/c.ts";`,
      [`${finra}/deep/c.ts`]: `import { a } from "../a.ts";`,
    });
    expect(output).toBe(
      `${finra}/a.ts:1 imports ./b.ts: import cycle: spine-finra/a.ts → spine-finra/b.ts → spine-finra/deep/c.ts → spine-finra/a.ts\n`,
    );
    expect(status).toBe(1);
  });
});

test("what is allowed passes", () => {
  const { output, status } = checkTree({
    [`${core}/errors.ts`]: "export const a = 1;",
    [`${core}/workflow/step.ts`]: `import { a } from "../errors.ts";\nimport type { W } from "./workflow.ts";`,
    [`${core}/workflow/workflow.ts`]: `import { step } from "./step.ts";`,
    [`${core}/runner/interpret.ts`]: `import { step } from "../workflow/step.ts";`,
    [`${core}/spine.ts`]: `import { interpret } from "./runner/interpret.ts";`,
    [`${core}/index.ts`]: `export * from "./spine.ts";`,
    [`${core}/testing/index.ts`]: `import { spine } from "../spine.ts";`,
    [`${core}/errors.test.ts`]: `import { spine } from "./spine.ts";\nimport { suite } from "./testing/index.ts";`,
    [`${adapters}/databases/sqlite.ts`]: `import { SpineError } from "spine-core";`,
    [`${adapters}/databases/sqlite.test.ts`]: `import { testDatabase } from "spine-core/testing";`,
    [`${finra}/index.ts`]: `import { fileSource } from "spine-adapters/sources";`,
    [`${finra}/testing/sample.ts`]: `import { sqlite } from "spine-adapters/databases";`,
    "examples/main.ts": `import { finra } from "spine-finra";\nimport { sample } from "spine-finra/testing";`,
    [`${finra}/index.test.ts`]: `import { bundleProcess } from "../../../tools/bundle-process.ts";`,
    "tools/bundle-process.ts": "export const bundleProcess = 1;",
    "examples/main.test.ts": `import { main } from "./main.ts";`,
  });
  expect(output).toBe("boundaries ok: 16 files\n");
  expect(status).toBe(0);
});

test("text that only looks like an import passes", () => {
  const { output } = checkTree({
    [`${core}/errors.ts`]: [
      `// import { a } from "spine-finra";`,
      `/* import { b } from "spine-finra"; */`,
      'const c = `import { c } from "spine-finra"; it\'s`;',
      `const d = "import { d } from 'spine-finra'";`,
      `const e = /["'\`]/.test(c) ? 4 / 2 : 8 / 4; // don't "stumble`,
      `export const from = "spine-finra";`,
    ].join("\n"),
  });
  expect(output).toBe("boundaries ok: 1 files\n");
});
