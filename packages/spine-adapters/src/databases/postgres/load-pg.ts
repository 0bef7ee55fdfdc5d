import type pg from "pg";
import { SpineError } from "spine-core";

/** The driver. It is an optional peer: whoever uses no Postgres does not install it. */
export async function loadPg(): Promise<typeof pg> {
  try {
    return (await import("pg")).default;
  } catch (error) {
    if ((error as { code?: unknown }).code !== "ERR_MODULE_NOT_FOUND") throw error;
    throw new SpineError(
      "DRIVER_MISSING",
      "Postgres needs the package `pg`, which is not installed. Run `npm install pg`.",
      { cause: error },
    );
  }
}
