import { createHash } from "node:crypto";

/**
 * The identity of an alert: a hash of its labels, in whatever order they are given. What it says, how severe it is and which run
 * raised it do not count, so that the same trouble is one alert that comes again and not many.
 *
 * @example alertFingerprint({ pipeline: "demo.trades", check: "recordCount" })
 */
export function alertFingerprint(labels: Readonly<Record<string, string>>): string {
  const sorted = Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return createHash("sha256").update(JSON.stringify(sorted)).digest("hex");
}
