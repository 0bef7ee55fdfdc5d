import type pg from "pg";
import { systemClock } from "spine-core";
import { postgres } from "../databases/postgres.ts";
import { asAdmin, copyDatabase, urlOf } from "./shared-postgres.ts";

/** The database that others are copies of. */
const TABLES = "spine_tables";

/**
 * A new database on the shared server with Spine's tables in it, in the schema `spine`: copied, which takes half as long as to make
 * them. Returns its URL.
 */
export async function createSpineDatabase(): Promise<string> {
  return await asAdmin(async (client, admin) => {
    // Whoever comes first makes it.
    await client.query("SELECT pg_advisory_lock(1)");
    const { rows } = await client.query("SELECT FROM pg_database WHERE datname = $1", [TABLES]);
    if (rows.length === 0) await makeTables(client, admin);
    await client.query("SELECT pg_advisory_unlock(1)");
    return await copyDatabase(client, admin, TABLES);
  });
}

async function makeTables(client: pg.Client, admin: string): Promise<void> {
  await client.query(`CREATE DATABASE ${TABLES}`);
  const database = postgres(urlOf(admin, TABLES));
  await database.connect({ clock: systemClock });
  await database.close();
}
