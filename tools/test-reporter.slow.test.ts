import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";

const repository = join(import.meta.dirname, "..");
let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "spine-reporter-"));
});

afterEach(() => rmSync(root, { recursive: true }));

/** Runs Vitest on these files with our reporter and returns the lines that it wrote to standard output. */
function report(files: Record<string, string>) {
  for (const [path, source] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), source);
  }
  const vitest = join(repository, "node_modules", "vitest", "vitest.mjs");
  const args = [
    "run",
    "--root",
    root,
    "--globals",
    "--reporter",
    join(import.meta.dirname, "test-reporter.ts"),
  ];
  const env = { ...process.env, FORCE_COLOR: "0", VITEST: undefined };
  const { status, stdout } = spawnSync(process.execPath, [vitest, ...args], { encoding: "utf8", env });
  return { status, lines: stdout.trimEnd().split("\n") };
}

test("closes with the counts, after the seconds of each folder", () => {
  const { status, lines } = report({
    "packages/one/src/a.test.ts": "test('a', () => {});",
    "packages/two/src/b.test.ts": "test('b', () => {}); test('c', () => {});",
    "tools/d.test.ts": "test('d', () => {});",
  });
  expect(lines.at(-1)).toBe("4 passed, 0 failed");
  expect(lines.slice(-5, -2)).toEqual([
    expect.stringMatching(/^ {2}packages\/one +\d+\.\d s {2}1 file$/),
    expect.stringMatching(/^ {2}packages\/two +\d+\.\d s {2}1 file$/),
    expect.stringMatching(/^ {2}tools +\d+\.\d s {2}1 file$/),
  ]);
  expect(status).toBe(0);
});

test("says what was skipped and why", () => {
  const { status, lines } = report({
    "tools/a.test.ts":
      "test('a', () => {}); test.skip('b (no database)', () => {}); test('c', (t) => t.skip('no browser'));",
  });
  expect(lines).toContain("  skipped  tools/a.test.ts > b (no database)");
  expect(lines).toContain("  skipped  tools/a.test.ts > c: no browser");
  expect(lines.slice(-2)).toEqual(["2 skipped", "1 passed, 0 failed"]);
  expect(status).toBe(0);
});

test("counts as failed what fails without a failed test", () => {
  const { status, lines } = report({
    "tools/failed.test.ts": "test('a', () => { throw new Error('no'); });",
    "tools/does-not-load.test.ts": "throw new Error('no');",
    "tools/hook.test.ts":
      "describe('s', () => { beforeAll(() => { throw new Error('no'); }); test('b', () => {}); });",
    "tools/late.test.ts":
      "test('c', async () => { setTimeout(() => Promise.reject(new Error('late'))); await new Promise((r) => setTimeout(r, 50)); });",
  });
  expect(lines.slice(-2)).toEqual(["1 skipped", "1 passed, 4 failed"]);
  expect(status).toBe(1);
});
