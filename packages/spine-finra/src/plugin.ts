import type { Plugin } from "spine-core";
import { ingestWeek } from "./ingest-week.ts";
import { finraWeeklyFile } from "./weekly-file-source.ts";

export interface FinraOptions {
  /**
   * The folders that weekly files may be read from; the working directory when left out. A path that leads
   * elsewhere, by a symbolic link too, is refused.
   */
  readonly fileRoots?: readonly string[];
}

/**
 * FINRA's OTC Transparency data as a plugin: the source `finra.otc_transparency` (weekly files), the workflow
 * `finra.otc_transparency.ingest_week` and its table. Data is FINRA's: see the README for its terms.
 *
 * @example
 * const spine = await createSpine({ database: sqlite("spine.db"), plugins: [finra({ fileRoots: ["./incoming"] })] });
 */
export function finra(options: FinraOptions = {}): Plugin {
  const source = finraWeeklyFile(options.fileRoots ? { roots: options.fileRoots } : {});
  return Object.freeze({
    name: "finra",
    sources: Object.freeze([source]),
    workflows: Object.freeze([ingestWeek]),
  });
}
