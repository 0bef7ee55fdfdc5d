import { relative, sep } from "node:path";
import { DefaultReporter, type TestCase, type TestModule } from "vitest/node";

type EndOfRun = Parameters<DefaultReporter["onTestRunEnd"]>;

/**
 * Vitest's own output, then what was skipped and why, the seconds of each folder, how many were skipped, and a last
 * line `N passed, N failed`, exactly, for tools that only read the end of the log.
 */
export default class TestReporter extends DefaultReporter {
  override onTestRunEnd(...[modules, unhandled, reason]: EndOfRun): void {
    super.onTestRunEnd(modules, unhandled, reason);
    const tests = modules.flatMap((module) => [...module.children.allTests()]);
    const having = (state: string) => tests.filter((test) => test.result().state === state);
    const skipped = having("skipped");
    // A file or a hook that dies fails the run without a failed test; the last line must say so as well.
    const broken = modules.reduce((sum, module) => sum + brokenIn(module), unhandled.length);
    const closing = [
      skipped.length > 0 ? `${skipped.length} skipped` : "",
      `${having("passed").length} passed, ${having("failed").length + broken} failed`,
    ];
    this.log([...skipped.map(describeSkipped), ...describeFolders(modules), ...closing].join("\n"));
  }
}

function brokenIn(module: TestModule): number {
  const suites = [...module.children.allSuites()].filter((suite) => suite.errors().length > 0);
  return suites.length + (module.errors().length > 0 ? 1 : 0);
}

function describeSkipped(test: TestCase): string {
  const result = test.result();
  const note = result.state === "skipped" && result.note ? `: ${result.note}` : "";
  return `  skipped  ${pathOf(test.module)} > ${test.fullName}${note}`;
}

/** Files run side by side, so the seconds of all folders add up to more than the clock shows. */
function describeFolders(modules: readonly TestModule[]): string[] {
  const folders = new Map<string, { files: number; ms: number }>();
  for (const module of modules) {
    const [first = "", second = ""] = pathOf(module).split("/");
    const folder = first === "packages" ? `${first}/${second}` : first;
    const sum = folders.get(folder) ?? { files: 0, ms: 0 };
    folders.set(folder, { files: sum.files + 1, ms: sum.ms + durationOf(module) });
  }
  const width = Math.max(...[...folders.keys()].map((name) => name.length));
  return [...folders]
    .sort(([a], [b]) => a.localeCompare(b))
    .map(([name, { files, ms }]) => {
      const seconds = (ms / 1000).toFixed(1).padStart(7);
      return `  ${name.padEnd(width)} ${seconds} s  ${files} ${files === 1 ? "file" : "files"}`;
    });
}

function durationOf(module: TestModule): number {
  const { environmentSetupDuration, prepareDuration, collectDuration, setupDuration, duration } =
    module.diagnostic();
  return environmentSetupDuration + prepareDuration + collectDuration + setupDuration + duration;
}

function pathOf(module: TestModule): string {
  return relative(module.project.vitest.config.root, module.moduleId).split(sep).join("/");
}
