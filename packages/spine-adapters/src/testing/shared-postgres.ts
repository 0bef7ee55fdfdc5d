import { existsSync, mkdirSync, readFileSync, rmdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import pg from "pg";
import { SpineError } from "spine-core";
import { startPostgres } from "./postgres-server.ts";

const WAIT_MS = 60_000;
let server: Promise<string> | undefined;

/**
 * A new, empty database on a server that all test files of one run share: the first that asks starts it, and it
 * ends with the run. Returns its URL.
 */
export async function createTestDatabase(): Promise<string> {
  return await asAdmin(async (client, admin) => await copyDatabase(client, admin, "template0"));
}

/** Does something on the shared server, whose URL it is given. */
export async function asAdmin<T>(work: (client: pg.Client, admin: string) => Promise<T>): Promise<T> {
  server ??= sharedServer();
  const admin = await server;
  const client = new pg.Client({ connectionString: admin });
  await client.connect();
  try {
    return await work(client, admin);
  } finally {
    await client.end();
  }
}

/** A new database that is a copy of another one, to which nobody is connected; its URL. */
export async function copyDatabase(client: pg.Client, admin: string, template: string): Promise<string> {
  const name = `test_${process.pid}_${Math.random().toString(36).slice(2, 10)}`;
  // Without the write-ahead log of its pages: several times as fast, and nobody will recover it.
  await client.query(`CREATE DATABASE ${name} TEMPLATE ${template} STRATEGY file_copy`);
  return urlOf(admin, name);
}

/** The URL of another database on the same server. */
export function urlOf(admin: string, name: string): string {
  return admin.replace(/\/postgres$/, `/${name}`);
}

/** The URL of the shared server. Test files are processes of their own with one parent: that is the run. */
async function sharedServer(): Promise<string> {
  const run = process.send ? process.ppid : process.pid;
  const place = join(tmpdir(), `spine-postgres-${run}`);
  const url = `${place}.url`;
  const start = performance.now();
  while (performance.now() - start < WAIT_MS) {
    if (existsSync(url)) return readFileSync(url, "utf8");
    if (lock(place)) {
      try {
        // Another may have made it between the two looks.
        if (existsSync(url)) return readFileSync(url, "utf8");
        return (await startPostgres({ owner: run, urlFile: url })).url();
      } finally {
        rmdirSync(place);
      }
    }
    await delay(20);
  }
  throw new SpineError("DATABASE_UNAVAILABLE", `Nobody started the shared Postgres server; remove ${place}.`);
}

/** Making a directory succeeds for one only. */
function lock(place: string): boolean {
  try {
    mkdirSync(place);
    return true;
  } catch (error) {
    if ((error as { code?: unknown }).code === "EEXIST") return false;
    throw error;
  }
}
