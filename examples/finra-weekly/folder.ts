import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { SpineError } from "spine-core";

/**
 * Makes the folder of the database, and gives what `work` makes in it. What the file system says to either
 * becomes a CONFIG_INVALID that names the folder.
 */
export async function inFolderOf<T>(db: string, work: (folder: string) => T): Promise<Awaited<T>> {
  const folder = dirname(db);
  try {
    mkdirSync(folder, { recursive: true });
    return await work(folder);
  } catch (error) {
    if (!(error instanceof Error && "syscall" in error)) throw error;
    throw new SpineError(
      "CONFIG_INVALID",
      `The folder ${folder} for the database ${db} cannot be used: ${error.message}. Name a database in a folder that you may write to: --db PATH.`,
      { context: { path: folder }, cause: error },
    );
  }
}
