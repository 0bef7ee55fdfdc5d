import { closeSync, openSync, writeSync } from "node:fs";

const MIB = 1024 * 1024;
const HEADER =
  "tierDescription|issueSymbolIdentifier|issueName|marketParticipantName|MPID|totalWeeklyShareQuantity|totalWeeklyTradeCount|lastUpdateDate\n";
const NAMES = [
  "Some Company Inc. Common Stock",
  "ADR Holdings Ltd",
  "Global X Funds ETF Trust (Series A)",
  "Bank of Somewhere Preferred",
];
const FIRMS = ["OTC LINK ATS", "CITADEL SECURITIES LLC", "VIRTU AMERICAS LLC", "G1 EXECUTION SERVICES, LLC"];

/** Writes a pipe-separated file in the form of FINRA's weekly files, of at least so many MiB; returns its rows. The same each time. */
export function writePipeFile(path: string, mib: number): number {
  let state = 1;
  const below = (limit: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
  const two = (most: number): string => String(1 + below(most)).padStart(2, "0");
  const line = (): string => {
    const symbol = String.fromCharCode(...Array.from({ length: 4 }, () => 65 + below(26)));
    return `NMS Tier 1|${symbol}|${NAMES[below(4)]}|${FIRMS[below(4)]}|MPD${below(9)}|${below(9_999_999)}|${below(9_999)}|2025-${two(12)}-${two(28)}\n`;
  };
  // A large file is 64 MiB again and again: what is measured is not the generator.
  const blocks: Buffer[] = [];
  let rowsInBlocks = 0;
  for (let bytes = 0; bytes < Math.min(mib, 64) * MIB; bytes += blocks.at(-1)?.length ?? 0) {
    const lines = Array.from({ length: 10_000 }, line);
    rowsInBlocks += lines.length;
    blocks.push(Buffer.from(lines.join("")));
  }
  const file = openSync(path, "w");
  let bytes = writeSync(file, HEADER);
  let rows = 0;
  while (bytes < mib * MIB) {
    for (const block of blocks) bytes += writeSync(file, block);
    rows += rowsInBlocks;
  }
  closeSync(file);
  return rows;
}
