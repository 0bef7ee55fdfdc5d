import { open } from "node:fs/promises";
import { join, resolve } from "node:path";
import { type GenerateWeekOptions, weekFileName, weekLines } from "./generate-week.ts";

const PART = 1 << 20;

/**
 * Writes a generated week into a folder that exists, part by part, and returns the file's absolute path. An
 * older file of the same name is overwritten. What it must come to: `generateWeek(options).expected`.
 */
export async function writeWeekFile(
  options: GenerateWeekOptions & { readonly folder: string },
): Promise<string> {
  const path = resolve(join(options.folder, weekFileName(options)));
  const file = await open(path, "w");
  try {
    let part = "";
    for (const line of weekLines(options)) {
      part += line;
      if (part.length < PART) continue;
      await file.writeFile(part);
      part = "";
    }
    await file.writeFile(part);
  } finally {
    await file.close();
  }
  return path;
}
