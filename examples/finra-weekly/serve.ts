import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type Spine, SpineError } from "spine-core";
import { ingestWeek, SAMPLE_ORIGIN } from "spine-finra";
import { finraOperations } from "spine-finra/http";
import { createHandler, HttpProblem, insecureNoAuth, type StartRequest, toNodeHandler } from "spine-http";
import type { Arguments } from "./arguments.ts";
import type { Output } from "./output.ts";

/** Serves the API on this machine until the signal is aborted. */
export async function serve(
  spine: Spine,
  { port, live }: Pick<Arguments, "port" | "live">,
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  const handler = createHandler(spine, {
    basePath: "/spine",
    auth: insecureNoAuth(),
    operations: finraOperations(),
    completeParams: (start) => fromHere(start, live),
  });
  const server = createServer(toNodeHandler(handler));
  try {
    server.listen(port, "127.0.0.1");
    await once(server, "listening", { signal });
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/spine`;
    output.print(
      `\n  ${output.bold("API")} ${output.green(url)} ${output.dim("this machine only; Ctrl-C ends it")}`,
    );
    output.print(`  ${output.dim(`curl ${url}/history/runs`)}`);
    await once(signal, "abort");
  } catch (error) {
    if (signal.aborted) return;
    throw new SpineError(
      "CONFIG_INVALID",
      `The API cannot be served on port ${port}: ${(error as Error).message}. Name another one: --port N.`,
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
function fromHere({ pipeline, params }: StartRequest, live: boolean): unknown {
  if (pipeline !== ingestWeek.name || typeof params !== "object" || params === null) return params;
  // What the command line may read is not for everybody who can reach a port.
  if ("file" in params)
    throw new HttpProblem("forbidden", "Files are named on the command line: --file PATH.");
  if (live) return params;
  if ("source" in params && params.source !== SAMPLE_ORIGIN)
    throw new HttpProblem("forbidden", "FINRA's own service is asked only by `npm start -- --live`.");
  return { ...params, source: SAMPLE_ORIGIN };
}
