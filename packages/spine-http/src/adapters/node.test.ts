import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { memory } from "spine-adapters/databases";
import { silentLogger } from "spine-core";
import { expect, onTestFinished, test } from "vitest";
import { insecureNoAuth } from "../auth/insecure-no-auth.ts";
import { createHandler } from "../handler.ts";
import { demoSpine } from "../testing/demo.ts";
import { toNodeHandler } from "./node.ts";

async function served(): Promise<string> {
  const spine = await demoSpine(memory());
  const handler = createHandler(spine, { auth: insecureNoAuth(), logger: silentLogger });
  const server = createServer(toNodeHandler(handler));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(async () => {
    handler.close();
    server.closeAllConnections();
    server.close();
    await spine.stop();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test("whoever sends too much is told so, however much it is, and the connection goes on", async () => {
  const url = await served();
  const statuses: unknown[] = [];
  for (const bytes of [2e6, 5e6, 5e6, 1e7]) {
    // Sent with its length, and without.
    for (const body of [Buffer.alloc(bytes, " "), new Blob([Buffer.alloc(bytes, " ")]).stream()]) {
      const headers = { "content-type": "application/json" };
      const request = { method: "POST", headers, body, duplex: "half" } as RequestInit;
      statuses.push(
        await fetch(`${url}/pipelines/run/demo.hello`, request).then(
          ({ status }) => status,
          (error: Error) => String(error.cause),
        ),
      );
    }
  }
  expect(new Set(statuses)).toEqual(new Set([413]));
  expect((await fetch(`${url}/health`)).status).toBe(200);
});
