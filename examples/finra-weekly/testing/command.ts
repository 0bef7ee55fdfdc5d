import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { bundleProcess } from "../../../tools/bundle-process.ts";

const here = fileURLToPath(new URL("..", import.meta.url));

export interface Finished {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  /** The JSON summary, where standard output ends in one. */
  // biome-ignore lint/suspicious/noExplicitAny: whatever the command printed
  readonly summary: any;
}

export interface RunOptions {
  readonly killAfterMs?: number;
  /** Kills it once this is true. */
  readonly killAfter?: () => boolean;
  /** Without a network: names of hosts cannot be resolved. */
  readonly offline?: boolean;
  /** Sends a signal once, when this text has been written to standard error. */
  readonly interrupt?: { readonly when: string; readonly signal: NodeJS.Signals };
}

/** What was bundled in this process, by the script; it is removed with the process. */
const bundles = new Map<string, Promise<string>>();
let folder: string | undefined;

function bundleOf(script: string): Promise<string> {
  if (folder === undefined) {
    const made = mkdtempSync(join(tmpdir(), "spine-finra-code-"));
    process.once("exit", () => rmSync(made, { recursive: true, force: true }));
    folder = made;
  }
  const bundle = bundles.get(script) ?? bundleProcess(join(here, script), folder);
  bundles.set(script, bundle);
  return bundle;
}

/** Runs a script of this folder in a process of its own, as one file: from its sources it takes several times as long to start. */
export async function run(
  script: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<Finished> {
  return await runFile(await bundleOf(script), args, options);
}

async function runFile(file: string, args: readonly string[], options: RunOptions): Promise<Finished> {
  const offline = options.offline ? ["--import", pathToFileURL(join(here, "testing/no-names.ts")).href] : [];
  const node = ["--conditions=spine-source", ...offline];
  const child = spawn(process.execPath, [...node, file, ...args], {
    env: { ...process.env, NO_COLOR: "1", INIT_CWD: undefined },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (data: Buffer) => (stdout += data.toString()));
  let { interrupt } = options;
  child.stderr.on("data", (data: Buffer) => {
    stderr += data.toString();
    if (!interrupt || !stderr.includes(interrupt.when)) return;
    child.kill(interrupt.signal);
    interrupt = undefined;
  });
  const timer =
    options.killAfterMs === undefined
      ? undefined
      : setTimeout(() => child.kill("SIGKILL"), options.killAfterMs);
  const { killAfter } = options;
  const watch = killAfter && setInterval(() => killAfter() && child.kill("SIGKILL"), 5);
  const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (...how) => resolve(how));
  });
  clearTimeout(timer);
  clearInterval(watch);
  const last = stdout.trimEnd().split("\n").at(-1) ?? "";
  return { code, signal, stdout, stderr, summary: last.startsWith("{") ? JSON.parse(last) : undefined };
}

/** Runs the command itself as `npm start -- --once --json …` does, but for {@link run}'s one file. */
export async function start(args: readonly string[], options: RunOptions = {}): Promise<Finished> {
  return await run("main.ts", ["--once", "--json", ...args], options);
}

/** Runs the command itself, from its sources. */
export async function startFromSource(args: readonly string[]): Promise<Finished> {
  return await runFile(join(here, "main.ts"), ["--once", "--json", ...args], {});
}

/** A folder that is removed at the end of `await using`. */
export function temporaryFolder(): { readonly path: string; [Symbol.dispose](): void } {
  const path = mkdtempSync(join(tmpdir(), "spine-finra-"));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}
