import { createHash, randomUUID } from "node:crypto";
import { createReadStream } from "node:fs";
import { link, open, rename, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { pipeline } from "node:stream/promises";
import { weekFileName, weekLines } from "./generate-week.ts";
import type { GenerateWeekOptions } from "./week-rows.ts";

const PART = 1 << 20;

/**
 * Writes a generated week into a folder that exists, part by part, and returns the file's absolute path. The
 * file appears whole or not at all, for several processes at once too. One of the same name is replaced, but
 * left untouched where it has this content already: a fetch that was interrupted goes on in it. What it must
 * come to: `generateWeek(options).expected`.
 */
export async function writeWeekFile(
  options: GenerateWeekOptions & { readonly folder: string },
): Promise<string> {
  const path = resolve(join(options.folder, weekFileName(options)));
  const temporary = `${path}.${randomUUID()}.tmp`;
  try {
    await writeLines(temporary, weekLines(options));
    try {
      // Unlike a rename it never replaces: of several at once, one is first.
      await link(temporary, path);
    } catch {
      // The file is there, or this file system has no links.
      if (!(await sameContent(temporary, path))) await rename(temporary, path);
    }
  } finally {
    await rm(temporary, { force: true });
  }
  return path;
}

async function writeLines(path: string, lines: Iterable<string>): Promise<void> {
  const file = await open(path, "wx");
  try {
    let part = "";
    for (const line of lines) {
      part += line;
      if (part.length < PART) continue;
      await file.writeFile(part);
      part = "";
    }
    await file.writeFile(part);
  } finally {
    await file.close();
  }
}

async function sameContent(one: string, other: string): Promise<boolean> {
  try {
    return (await hashOf(one)) === (await hashOf(other));
  } catch {
    // No file that can be read: the rename will do, or will say what is wrong.
    return false;
  }
}

async function hashOf(path: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path), hash);
  return hash.digest("hex");
}
