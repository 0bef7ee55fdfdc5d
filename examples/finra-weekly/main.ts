// What `npm start` runs: the FINRA weekly ingest on an embedded database, shown while it happens.
import { SpineError } from "spine-core";
import { type Arguments, readArguments, USAGE } from "./arguments.ts";
import { inCommandWords } from "./command-words.ts";
import { inFolderOf } from "./folder.ts";
import { openSpine, paramsOf, startOrAttach } from "./ingest.ts";
import { catchInterrupts, exitCodeOf, unlessAborted } from "./interrupt.ts";
import { createOutput, type Output } from "./output.ts";
import { showProgress } from "./progress.ts";
import { reportRun } from "./report.ts";
import { sampleFiles } from "./sample.ts";
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
    if (args.json) process.stdout.write(`${JSON.stringify(total(summaries))}\n`);
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

interface Current {
  run: InterruptedRun | null;
}

async function ingest(
  args: Arguments,
  output: Output,
  signal: AbortSignal,
  current: Current,
): Promise<readonly Summary[]> {
  const source = args.file ? "FILE" : "SAMPLE";
  const paths = args.file ? [args.file] : await inFolderOf(args.db, sampleFiles);
  const files = await Promise.all(paths.map((path) => paramsOf(path, args)));
  signal.throwIfAborted();
  await inFolderOf(args.db, () => {});

  output.print(output.bold("Spine · FINRA OTC weekly"));
  output.print(
    args.file
      ? output.dim(`  ${args.file} → ${args.db}`)
      : `  ${output.yellow("SAMPLE")} ${output.dim(`generated data in FINRA's format, no real trades → ${args.db}`)}`,
  );
  const spine = await openSpine(args.db);
  let done = () => {};
  try {
    const started = [];
    for (const { file, params } of files) {
      const run = await startOrAttach(spine, params);
      started.push({ ...file, run });
      current.run ??= { ...file, runId: run.id };
    }
    signal.throwIfAborted();
    const tiers = new Map(started.map(({ run, tier }) => [run.id, tier]));
    done = showProgress(spine, output, (runId) => tiers.get(runId) ?? "other");
    await spine.start();
    for (const { run, ...file } of started) {
      current.run = { ...file, runId: run.id };
      // A failed run is reported like any other: by its summary.
      await unlessAborted(
        run.result().catch(() => {}),
        signal,
      );
    }
    done();
    const summaries = [];
    for (const { run } of started) summaries.push(await reportRun(spine, run.id, source, output));
    return summaries;
  } finally {
    done();
    await spine.stop();
  }
}

process.exitCode = await main(process.argv.slice(2));
