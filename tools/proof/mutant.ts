import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** A text that stands in a file exactly once, and what it is made into. */
export interface Change {
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

/** A guarantee that is broken on purpose, and the test that has to notice. */
export interface Mutant {
  /** Short and unique, for the command line: `fence-removed-postgres`. */
  readonly name: string;
  /** What is broken, and what would happen to users. */
  readonly breaks: string;
  readonly changes: readonly Change[];
  readonly caughtBy: NamedTest;
  /** Stands in the failure of that test: it fails for this reason and for no other. */
  readonly says: string;
  /** Takes a few seconds only: it is in `npm test`, too. */
  readonly quick: boolean;
}

/** One test by its file, and its title with those of the groups around it. */
export interface NamedTest {
  readonly file: string;
  readonly test: readonly string[];
}

/** Breaks the sources below a folder; returns the function that repairs them. */
export function applyMutant(root: string, { name, changes }: Mutant): () => void {
  const before = new Map<string, string>();
  const restore = () => {
    for (const [path, text] of before) writeFileSync(path, text);
  };
  try {
    for (const { file, find, replace } of changes) {
      const path = join(root, file);
      const text = readFileSync(path, "utf8");
      const times = text.split(find).length - 1;
      if (times !== 1) {
        throw new Error(
          `Mutant ${name}: ${file} has its text ${times} times, not once. The code has changed: adapt the mutant in tools/proof/mutants/.\n${find}`,
        );
      }
      if (!before.has(path)) before.set(path, text);
      writeFileSync(
        path,
        text.replace(find, () => replace),
      );
    }
    return restore;
  } catch (error) {
    restore();
    throw error;
  }
}
