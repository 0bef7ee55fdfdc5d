import { type Spine, SpineError } from "spine-core";
import { topSymbols, topVenues } from "spine-finra";
import type { Output } from "./output.ts";
import { type Summary, summarize, unreported } from "./summary.ts";

/** Sums up a finished run and prints it. A report that fails takes nothing back: the run and its end are told. */
export async function reportRun(
  spine: Spine,
  runId: string,
  source: string,
  output: Output,
): Promise<Summary> {
  try {
    const summary = await summarize(spine, runId, source);
    await printReport(spine, summary, output);
    return summary;
  } catch (error) {
    const { run } = await spine.get(runId);
    const summary = unreported(run, source, SpineError.from(error, "INTERNAL"));
    output.settle(`${output.red("✘")} run ${runId}: ${summary.error}`);
    return summary;
  }
}

/** Prints the summary of one run for people: steps, rows, quality, and what the week looks like. */
async function printReport(spine: Spine, summary: Summary, output: Output): Promise<void> {
  const { print, bold, dim, green, red, yellow } = output;
  const done = summary.status === "COMPLETED";
  print();
  print(
    `${bold(`${summary.tier} · week of ${summary.week_start}`)}  ${done ? green(summary.status) : red(summary.status)}  ${dim(`run ${summary.execution_id}`)}`,
  );
  print(
    `  ${count(summary.rows.in)} rows in, ${count(summary.rows.out)} out, ${count(summary.rows.rejected)} rejected in ${summary.duration.toFixed(2)} s${summary.unchanged ? dim("  (this content was loaded already: nothing was changed)") : ""}`,
  );
  for (const step of summary.steps) {
    const rows = step.rows ? `${count(step.rows.in)} → ${count(step.rows.out)}` : "";
    const again = step.attempts > 1 ? dim(`  ${step.attempts} attempts`) : "";
    print(
      `    ${step.name.padEnd(10)} ${step.status.padEnd(10)} ${`${step.duration.toFixed(3)} s`.padStart(9)}  ${rows}${again}`,
    );
  }
  if (summary.error) print(`  ${red(`${summary.error_code}`)} ${summary.error}`);
  const codes = Object.entries(summary.rejects).map(([code, n]) => `${code} ${count(n)}`);
  if (codes.length > 0) print(`  rejected   ${codes.join(", ")}`);
  for (const [index, check] of summary.quality.entries()) {
    print(
      `  ${(index === 0 ? "quality" : "").padEnd(10)} ${mark(check.status, output)} ${check.check.padEnd(20)} ${dim(check.message)}`,
    );
  }
  for (const warning of summary.warnings) print(`  ${yellow("!")} ${warning}`);
  if (!done) return;

  const week = { week_start: summary.week_start, tier: summary.tier };
  print(
    `  ${bold(whole(summary.shares))} shares, ${count(summary.trades)} trades, ${count(summary.symbols)} symbols`,
  );
  const symbols = await topSymbols(spine.database, week, 5);
  const venues = await topVenues(spine.database, week, 5);
  print(`  ${dim("top symbols".padEnd(40))}${dim("top venues")}`);
  for (let i = 0; i < Math.max(symbols.length, venues.length); i++) {
    const [symbol, venue] = [symbols[i], venues[i]];
    const left = symbol ? `${symbol.symbol.padEnd(10)} ${whole(symbol.shares).padStart(20)}` : "";
    const right = venue ? `${whole(venue.shares).padStart(20)}  ${venue.participant_name}` : "";
    print(`    ${left.padEnd(34)}${right}`);
  }
}

function mark(status: string, output: Output): string {
  if (status === "PASS") return output.green("✔");
  return status === "WARN" ? output.yellow("!") : output.red("✘");
}

function count(value: number): string {
  return value.toLocaleString("en-US");
}

/** A decimal text for the eye: whole shares, in groups of three. */
function whole(decimal: string): string {
  return BigInt(decimal.split(".")[0] ?? "0").toLocaleString("en-US");
}
