import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { NamedTest } from "./mutant.ts";

/** How a test ended; `absent` when no test of that name ran. */
export interface TestEnd {
  readonly status: "passed" | "failed" | "absent";
  /** Why it failed, or what the runner said when there was nothing to run. */
  readonly message: string;
}

interface Report {
  readonly testResults: readonly {
    readonly name: string;
    readonly message: string;
    readonly assertionResults: readonly {
      readonly ancestorTitles: readonly string[];
      readonly title: string;
      readonly status: string;
      readonly failureMessages: readonly string[];
    }[];
  }[];
}

const MOST_SECONDS = 300;

/** Runs these tests and no others in the copy of the sources; how each of them ended. */
export async function runTests(root: string, tests: readonly NamedTest[]): Promise<readonly TestEnd[]> {
  const output = join(root, "report.json");
  rmSync(output, { force: true });
  const files = [...new Set(tests.map(({ file }) => file))];
  const names = tests.map(({ test }) => escaped(test.join(" > "))).join("|");
  const args = ["run", ...files, "-t", `^(?:${names})$`, "--reporter=json", `--outputFile=${output}`];
  const child = spawn(process.execPath, [join(root, "node_modules/vitest/vitest.mjs"), ...args], {
    cwd: root,
    // As if it were not started by a test itself.
    env: Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(?:VITEST|TEST$)/.test(name))),
    stdio: ["ignore", "pipe", "pipe"],
    timeout: MOST_SECONDS * 1_000,
  });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (data) => {
      said += String(data);
    });
  }
  await once(child, "close");
  const report = read(output);
  return tests.map((test) => endOf(test, report, said));
}

function read(output: string): Report | null {
  try {
    return JSON.parse(readFileSync(output, "utf8")) as Report;
  } catch {
    return null;
  }
}

function endOf({ file, test }: NamedTest, report: Report | null, said: string): TestEnd {
  const module = report?.testResults.find(({ name }) => name.replaceAll("\\", "/").endsWith(file));
  const wanted = test.join(" > ");
  const found = module?.assertionResults.find(
    ({ ancestorTitles, title }) => [...ancestorTitles, title].join(" > ") === wanted,
  );
  if (found?.status === "passed") return { status: "passed", message: "" };
  if (found?.status === "failed") return { status: "failed", message: found.failureMessages.join("\n") };
  const message = module?.message || said.slice(-2_000);
  return { status: "absent", message: `No test "${wanted}" ran in ${file}. ${message}` };
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}
