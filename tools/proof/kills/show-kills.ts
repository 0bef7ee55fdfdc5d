import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createTestDatabase } from "spine-adapters/testing";
import { bundleProcess } from "../../bundle-process.ts";
import type { KillDatabase, KillOptions } from "../options.ts";
import { p99 } from "./audit-kills.ts";
import type { Address } from "./database-at.ts";
import { type KillReport, killRandomly } from "./kill-randomly.ts";

/** The figures by which the promises are judged. */
interface Summary {
  readonly kills: number;
  readonly runs: number;
  readonly lost: number;
  readonly double_commits: number;
  readonly finished_reexecuted: number;
  readonly stale_accepted: number;
  readonly recovery_p99_s: number | null;
  readonly ok: boolean;
}

/** Kills on each database and prints what was found; true when nothing was. */
export async function showKills({ kills, seed, databases, json }: KillOptions): Promise<boolean> {
  console.log(json ? JSON.stringify({ seed }) : `seed ${seed}`);
  const reports: KillReport[] = [];
  const folder = mkdtempSync(join(tmpdir(), "spine-kills-"));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  const code = await bundleProcess(join(import.meta.dirname, "kill-process.ts"), join(folder, "code"));
  for (const [index, database] of databases.entries()) {
    const share = Math.floor((kills + databases.length - 1 - index) / databases.length);
    const begun = performance.now();
    const report = await killOn(database, { code, folder: join(folder, database), kills: share, seed }, json);
    reports.push(report);
    const { client_kills, aimed_kills, attempts_cut, takeovers, drained_ms, accidents, violations } = report;
    const seconds = Math.round((performance.now() - begun) / 100) / 10;
    const details = {
      client_kills,
      aimed_kills,
      attempts_cut,
      takeovers,
      drained_s: drained_ms / 1_000,
      seconds,
    };
    const summary = summarize([report], share);
    if (json)
      console.log(
        JSON.stringify({ database, ...summary, ...details, accidents, violations: violations.slice(0, 20) }),
      );
    else
      console.log(tableOf(database, { ...summary, ...details }, [...accidents, ...violations.slice(0, 20)]));
  }
  const total = summarize(reports, kills);
  if (json) console.log(JSON.stringify(total));
  else if (databases.length > 1) console.log(tableOf("all", { ...total }, []));
  return total.ok;
}

async function killOn(
  database: KillDatabase,
  options: Pick<Parameters<typeof killRandomly>[0], "code" | "folder" | "kills" | "seed">,
  json: boolean,
): Promise<KillReport> {
  const { folder, kills } = options;
  const address: Address =
    database === "sqlite" ? { file: join(folder, "spine.db") } : { url: await createTestDatabase() };
  const onKill = (done: number) => {
    if (!json && process.stdout.isTTY) process.stdout.write(`\r${database}: ${done} of ${kills}`);
  };
  return await killRandomly({ ...options, address, onKill });
}

function summarize(reports: readonly KillReport[], wanted: number): Summary {
  const sum = (field: Exclude<keyof Summary, "ok" | "recovery_p99_s">) =>
    reports.reduce((total, report) => total + report[field], 0);
  const slowest = p99(reports.flatMap(({ recoveries }) => recoveries).sort((a, b) => a - b));
  const counts = {
    kills: sum("kills"),
    runs: sum("runs"),
    lost: sum("lost"),
    double_commits: sum("double_commits"),
    finished_reexecuted: sum("finished_reexecuted"),
    stale_accepted: sum("stale_accepted"),
  };
  const broken = counts.lost + counts.double_commits + counts.finished_reexecuted + counts.stale_accepted;
  const ok =
    broken === 0 && counts.kills === wanted && reports.every(({ accidents }) => accidents.length === 0);
  return { ...counts, recovery_p99_s: slowest === null ? null : slowest / 1_000, ok };
}

function tableOf(title: string, figures: object, findings: readonly unknown[]): string {
  const rows = Object.entries(figures).map(([name, value]) => `  ${name.padEnd(20)} ${String(value)}`);
  return ["", title, ...rows, ...findings.map((finding) => `  ! ${JSON.stringify(finding)}`)].join("\n");
}
