import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type Spine, SpineError } from "spine-core";
import { finraWeeks, ingestWeek, SAMPLE_ORIGIN, weekEnding } from "spine-finra";
import { finraOperations } from "spine-finra/http";
import type { FinraServer } from "spine-finra/testing";
import { createHandler, HttpProblem, insecureNoAuth, type StartRequest, toNodeHandler } from "spine-http";
import { builtDesktop } from "../trading-desktop/build.ts";
import type { Arguments } from "./arguments.ts";
import { desktopOperations } from "./desktop-operations.ts";
import type { Output } from "./output.ts";
import { pageHandler } from "./page.ts";

/** The first week that the grid of weeks expects. */
const FIRST_WEEK = "2024-01-01";

export interface Served extends Pick<Arguments, "port" | "live"> {
  readonly sample: Pick<FinraServer, "inject" | "today">;
}

/** Serves the trading desktop at `/` and the API below `/spine`, on this machine, until the signal is aborted. */
export async function serve(
  spine: Spine,
  { port, live, sample }: Served,
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  const page = pageHandler(await builtDesktop());
  const handler = createHandler(spine, {
    basePath: "/spine",
    auth: insecureNoAuth(),
    operations: [...finraOperations(), ...desktopOperations(sample, live)],
    partitions: [
      {
        partitions: finraWeeks(FIRST_WEEK),
        params: ({ tier, week_start = "" }) =>
          fromHere(
            { pipeline: ingestWeek.name, params: { tier, week_ending: weekEnding(week_start) } },
            live,
          ),
      },
    ],
    completeParams: (start) => fromHere(start, live),
  });
  const api = toNodeHandler(handler);
  const server = createServer((request, response) => api(request, response, () => page(request, response)));
  try {
    server.listen(port, "127.0.0.1");
    await once(server, "listening", { signal });
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    output.print(`\n  ${output.bold("API ")} ${url}/spine ${output.dim(`curl ${url}/spine/history/runs`)}`);
    output.print(
      `  ${output.bold("Page")} ${output.green(`${url}/`)} ${output.dim("this machine only; Ctrl-C ends it")}`,
    );
    await once(signal, "abort");
  } catch (error) {
    if (signal.aborted) return;
    throw new SpineError(
      "CONFIG_INVALID",
      `The page and the API cannot be served on port ${port}: ${(error as Error).message}. Name another one: --port N.`,
      {
        cause: error,
      },
    );
  } finally {
    handler.close();
    server.closeAllConnections();
    server.close();
  }
}

/** Weeks come from where this command gets them: from FINRA only where it was started with --live. */
function fromHere({ pipeline, params }: Omit<StartRequest, "principal">, live: boolean): unknown {
  if (pipeline !== ingestWeek.name || typeof params !== "object" || params === null) return params;
  // What the command line may read is not for everybody who can reach a port.
  if ("file" in params)
    throw new HttpProblem("forbidden", "Files are named on the command line: --file PATH.");
  if (live) return params;
  if ("source" in params && params.source !== SAMPLE_ORIGIN)
    throw new HttpProblem("forbidden", "FINRA's own service is asked only by `npm start -- --live`.");
  return { ...params, source: SAMPLE_ORIGIN };
}
