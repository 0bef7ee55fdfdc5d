import type { Spine } from "spine-core";
import { topSymbols, topVenues } from "spine-finra";
import type { Output } from "./output.ts";
import type { Summary } from "./summary.ts";

/** Prints the summary of one run for people: steps, rows, quality, and what the week looks like. */
export async function printReport(spine: Spine, summary: Summary, output: Output): Promise<void> {
  const { print, bold, dim, green, red } = output;
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
    print(`    ${step.name.padEnd(10)} ${step.status.padEnd(10)} ${`${step.duration.toFixed(3)} s`.padStart(9)}  ${rows}${again}`);
  }
  if (summary.error) print(`  ${red(`${summary.error_code}`)} ${summary.error}`);
  const codes = Object.entries(summary.rejects).map(([code, n]) => `${code} ${count(n)}`);
  if (codes.length > 0) print(`  rejected: ${codes.join(", ")}`);
  if (summary.quality.length > 0) {
    print(`  quality:  ${summary.quality.map((check) => mark(check.status, check.check, output)).join("  ")}`);
  }
  if (!done) return;

  const week = { week_start: summary.week_start, tier: summary.tier };
  print(`  ${bold(count(Number(summary.shares)))} shares, ${count(summary.trades)} trades, ${count(summary.symbols)} symbols`);
  const symbols = await topSymbols(spine.database, week, 5);
  const venues = await topVenues(spine.database, week, 5);
  print(`  ${dim("top symbols".padEnd(34))}${dim("top venues")}`);
  for (let i = 0; i < Math.max(symbols.length, venues.length); i++) {
    const [symbol, venue] = [symbols[i], venues[i]];
    const left = symbol ? `${symbol.symbol.padEnd(10)} ${count(Number(symbol.shares)).padStart(16)}` : "";
    const right = venue ? `${venue.mpid.padEnd(6)} ${count(Number(venue.shares)).padStart(16)}  ${venue.participant_name}` : "";
    print(`    ${left.padEnd(32)}${right.slice(0, 60)}`);
  }
}

function mark(status: string, name: string, output: Output): string {
  if (status === "PASS") return `${output.green("✔")} ${name}`;
  if (status === "WARN") return `${output.yellow("!")} ${name}`;
  return `${output.red("✘")} ${name}`;
}

function count(value: number): string {
  return value.toLocaleString("en-US", { maximumFractionDigits: 6 });
}
