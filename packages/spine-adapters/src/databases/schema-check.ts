import { type Check, finding, healthy, SpineError } from "spine-core";
import { type AppliedMigration, checkMigrations, type Migration } from "../history/check-migrations.ts";

/** Whether Spine's tables are those that this version knows. */
export function schemaCheck<Names>(
  applied: readonly AppliedMigration[],
  known: readonly Migration<Names>[],
  plain: Names,
): Check {
  const ids = applied.map(({ id }) => id);
  const missing = known.map(({ id }) => id).filter((id) => !ids.includes(id));
  const newer = ids.slice(known.length);
  const data = { applied: ids, missing, newer };
  try {
    checkMigrations(applied, known, plain);
  } catch (error) {
    if (!SpineError.is(error)) throw error;
    return finding(
      "error",
      "schema",
      error.message,
      "Use the version of Spine that made these tables, or a newer one.",
      { ...data, code: error.code },
    );
  }
  if (missing.length > 0)
    return finding(
      "error",
      "schema",
      `Spine's tables lack ${missing.join(", ")}.`,
      "Start this version of Spine once more: it brings its tables up to date.",
      data,
    );
  if (newer.length > 0)
    return finding(
      "warning",
      "schema",
      `A newer version of Spine has added to its tables: ${newer.join(", ")}. This version works with them.`,
      "Update this process when it suits you.",
      data,
    );
  return healthy("schema", `Spine's tables are up to date (${ids.at(-1)}).`, data);
}

/** The indexes that migrations make and do not take away again, as they are named in the database. */
export function indexesOf(script: string): readonly string[] {
  const names = new Set<string>();
  for (const [, drop, name = ""] of script.matchAll(
    /(?:CREATE (?:UNIQUE )?|(DROP ))INDEX (?:IF (?:NOT )?EXISTS )?([\w".]+)/g,
  )) {
    const plain = name.split(".").at(-1)?.replaceAll('"', "") ?? "";
    if (drop) names.delete(plain);
    else names.add(plain);
  }
  return [...names];
}

/** Whether all of Spine's indexes are there. */
export function missingIndexesCheck(wanted: readonly string[], present: readonly string[]): Check {
  const missing = wanted.filter((name) => !present.includes(name));
  const data = { missing };
  if (missing.length === 0)
    return healthy("indexes", `All ${wanted.length} indexes of Spine's are there.`, data);
  return finding(
    "error",
    "indexes",
    `Somebody has removed indexes of Spine's: ${missing.join(", ")}. Starts, claims and lists read whole tables, and keys may be used twice.`,
    "Make them again: their statements stand in the migrations of spine-adapters.",
    data,
  );
}
