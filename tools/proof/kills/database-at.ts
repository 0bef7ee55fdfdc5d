import { postgres, sqlite } from "spine-adapters/databases";
import type { Database } from "spine-core";

/** Where a database is, as it is told to other processes: the file, or the URL of a Postgres database. */
export type Address = { readonly file: string } | { readonly url: string };

export function databaseAt(address: Address): Database {
  // With its defaults, as users have it.
  return "file" in address ? sqlite(address.file) : postgres(address.url);
}
