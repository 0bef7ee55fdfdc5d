import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { SAMPLE_WEEK, TIERS, writeWeekFile } from "spine-finra/testing";

/** Writes the sample week, one file a tier, below `folder`: generated, the same each time. */
export async function sampleFiles(folder: string): Promise<readonly string[]> {
  const to = join(folder, "sample");
  await mkdir(to, { recursive: true });
  const paths = [];
  for (const tier of TIERS) paths.push(await writeWeekFile({ folder: to, weekStart: SAMPLE_WEEK, tier }));
  return paths;
}
