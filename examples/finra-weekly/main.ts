// What `npm start` runs: the FINRA weekly ingest on an embedded database, shown while it happens; then Spine's API.
import { SpineError } from "spine-core";
import { ATTRIBUTION, FINRA_API } from "spine-finra";
import { startFinraServer } from "spine-finra/testing";
import { type Arguments, readArguments, USAGE } from "./arguments.ts";
import { inCommandWords } from "./command-words.ts";
import { inFolderOf } from "./folder.ts";
import { openSpine, sourceName, startOrAttach, type Wanted, weekOfFile } from "./ingest.ts";
import { catchInterrupts, exitCodeOf, unlessAborted } from "./interrupt.ts";
import { liveWeeks } from "./live.ts";
import { createOutput, type Output } from "./output.ts";
import { showProgress } from "./progress.ts";
import { reportRun } from "./report.ts";
import { sampleWeeks } from "./sample.ts";
import { serve } from "./serve.ts";
import { failedBeforeRun, type InterruptedRun, interrupted, type Summary } from "./summary.ts";
import { total } from "./total.ts";

/** Runs the command; returns the process's exit code: 0 loaded, 1 failed, 2 called wrongly, 128 + n by a signal. */
async function main(argv: readonly string[]): Promise<number> {
  let args: Arguments;
  try {
    args = readArguments(argv);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    process.stderr.write(`${message}\n\n${USAGE}\n`);
    if (argv.includes("--json")) {
      process.stdout.write(`${JSON.stringify(failedBeforeRun(new SpineError("CONFIG_INVALID", message)))}\n`);
    }
    return 2;
  }
  if (args.help) {
    process.stdout.write(`${USAGE}\n`);
    return 0;
  }
  // With --json, standard output is for the JSON line alone.
  const output = createOutput(args.json ? process.stderr : process.stdout);
  const { signal, end } = catchInterrupts();
  // The run that is waited for: what an interrupted command leaves unfinished.
  const current: Current = { run: null };
  try {
    const summaries = await ingest(args, output, signal, current);
    end();
    return summaries.every(({ status, error }) => status === "COMPLETED" && error === null) ? 0 : 1;
  } catch (error) {
    end();
    if (signal.aborted) {
      output.settle(`${output.yellow("↻")} ${SpineError.from(signal.reason).message}`);
      if (args.json) process.stdout.write(`${JSON.stringify(interrupted(current.run, signal.reason))}\n`);
      return exitCodeOf(signal);
    }
    output.settle(`${output.red("✘")} ${inCommandWords(String(SpineError.from(error, "INTERNAL")))}`);
    if (args.json) process.stdout.write(`${JSON.stringify(failedBeforeRun(error))}\n`);
    return 1;
  }
}

const SAMPLE_WEEKS = 120;

interface Current {
  run: InterruptedRun | null;
}

async function ingest(
  args: Arguments,
  output: Output,
  signal: AbortSignal,
  current: Current,
): Promise<readonly Summary[]> {
  const weeks = await weeksOf(args);
  signal.throwIfAborted();
  await inFolderOf(args.db, () => {});

  output.print(output.bold("Spine · FINRA OTC weekly"));
  output.print(`  ${headline(args, output)}${output.dim(` → ${args.db}`)}`);
  // For what is asked for, or for what an earlier call of it left unfinished.
  // It goes back further than FINRA's: to the week that the API is shown with, 2025-01-10.
  await using sample = await startFinraServer({ weeks: SAMPLE_WEEKS });
  const spine = await openSpine(args.db, sample, args);
  let done = () => {};
  try {
    const started = [];
    for (const { params, ...week } of weeks) {
      const run = await startOrAttach(spine, params);
      started.push({ ...week, run, source: sourceName(params) });
      current.run ??= { ...week, runId: run.id };
    }
    signal.throwIfAborted();
    const tiers = new Map(started.map(({ run, tier }) => [run.id, tier]));
    done = showProgress(spine, output, (runId) => tiers.get(runId) ?? "other");
    await spine.start();
    for (const { run, tier, week_start } of started) {
      current.run = { tier, week_start, runId: run.id };
      // A failed run is reported like any other: by its summary.
      await unlessAborted(
        run.result().catch(() => {}),
        signal,
      );
    }
    done();
    const summaries = [];
    for (const { run, source } of started) summaries.push(await reportRun(spine, run.id, source, output));
    const isFinras = args.file !== null || args.live;
    if (isFinras && summaries.some(({ status }) => status === "COMPLETED"))
      output.print(`\n  ${output.dim(ATTRIBUTION)}`);
    if (args.json) process.stdout.write(`${JSON.stringify(total(summaries))}\n`);
    current.run = null;
    if (!args.once) await serve(spine, { ...args, sample }, output, signal);
    return summaries;
  } finally {
    done();
    await spine.stop();
  }
}

async function weeksOf(args: Arguments): Promise<readonly Wanted[]> {
  if (args.file) return [await weekOfFile(args.file, args)];
  return args.live ? liveWeeks(args.weekEnding, new Date().toISOString().slice(0, 10)) : sampleWeeks();
}

/** Where the rows come from: nobody is to take a sample for the market. */
function headline({ file, live }: Arguments, { yellow, green, dim }: Output): string {
  if (file) return dim(file);
  if (live) return `${green("LIVE")} ${dim(FINRA_API)}`;
  return `${yellow("SAMPLE")} ${dim("generated data from a local server in FINRA's format, no real trades")}`;
}

process.exitCode = await main(process.argv.slice(2));
