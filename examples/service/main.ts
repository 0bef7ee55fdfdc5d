// A service around Spine: settings from the environment, database, alert channels, runner, scheduler, and all of it injected into its routes.
//   SPINE_DB_URL=sqlite:service.db SPINE_API_KEY=… node main.ts
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { alertChannelsFromEnv, consoleChannel } from "spine-adapters/alerts";
import { databaseFromEnv } from "spine-adapters/databases";
import { configFromEnv, createSpine, definePartitions, type Env, type Spine, weekly } from "spine-core";
import { finra, ingestWeek, TIERS } from "spine-finra";
import { finraOperations } from "spine-finra/http";
import { apiKeys, createHandler, toNodeHandler } from "spine-http";

const weeks = definePartitions({
  table: "finra_otc_trade_activity",
  workflow: ingestWeek,
  dimensions: { week_start: weekly({ from: "2025-01-06" }), tier: TIERS },
  delay: "21d",
});

/** Where alerts go: to the channels that the environment names (Slack, email, ServiceNow), and all of them to standard error. */
function alerts(env: Env) {
  const { channels, routes } = alertChannelsFromEnv(env);
  const console = consoleChannel();
  return { channels: [...channels, console], routes: [...routes, { channels: [console.name] }] };
}

/**
 * Opens the database, registers what the plugins bring, and begins to work on runs and on the ticks of schedules: FINRA's weekly ones
 * are there, and run once somebody enables them (`SPINE_FINRA_SCHEDULES=on`, or `PATCH /scheduler/schedules/{name}`).
 */
export async function startRunner(env: Env): Promise<Spine> {
  return await createSpine({
    database: databaseFromEnv(env),
    plugins: [finra({ schedules: env.SPINE_FINRA_SCHEDULES === "on" })],
    alerts: alerts(env),
    retention: { runs: "90d" },
    ...configFromEnv(env),
  });
}

/** The routes, with the Spine that they work on. */
export function routes(spine: Spine, env: Env) {
  const handler = createHandler(spine, {
    basePath: "/api/v1",
    auth: apiKeys([
      { key: env.SPINE_API_KEY ?? "", principal: { id: "operators", permissions: "operator" } },
    ]),
    partitions: [
      { partitions: weeks, params: ({ week_start, tier }) => ({ week_ending: week_start, tier }) },
    ],
    operations: finraOperations(),
  });
  return { handler, listener: toNodeHandler(handler) };
}

/** Serves until the process is asked to end. */
export async function main(env: Env = process.env): Promise<Server> {
  const spine = await startRunner(env);
  const { handler, listener } = routes(spine, env);
  const server = createServer(listener).listen(Number(env.PORT ?? 8000), "127.0.0.1");
  await once(server, "listening");
  server.once("close", () => void spine.stop());
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => {
      // Streams end first: a server does not close while somebody listens.
      handler.close();
      server.close();
      server.closeIdleConnections();
    });
  }
  return server;
}

if (import.meta.main) await main();
