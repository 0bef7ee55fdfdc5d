import type { Database } from "../database/database.ts";

/** Where Spines keep their state, one after another or several at once: each gets a database object of its own. */
export interface Place {
  database(): Database;
  remove(): void;
}
