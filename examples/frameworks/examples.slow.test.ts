// Each file beside this one runs, and starts a run.

import { spawn, spawnSync } from "node:child_process";
import { createServer } from "node:net";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";

const KEY = "examples-0123456789";
const asked = {
  method: "POST",
  headers: { authorization: `Bearer ${KEY}`, "content-type": "application/json", prefer: "wait=20" },
  body: '{"params":{"name":"Ann"}}',
};
const ensured = spawnSync(process.execPath, [join(import.meta.dirname, "ensure.mjs")], {
  stdio: ["ignore", 2, 2],
});

test.each(["node", "express", "fastify", "koa", "hono", "nest"])("%s.ts", async (name) => {
  expect(ensured.status).toBe(0);
  const port = await freePort();
  const child = spawn(
    process.execPath,
    ["--conditions=spine-source", join(import.meta.dirname, `${name}.ts`)],
    {
      env: { ...process.env, SPINE_API_KEY: KEY, PORT: String(port) },
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  onTestFinished(() => void child.kill("SIGKILL"));
  const [said] = await new Promise<[Buffer]>((resolve) =>
    child.stdout.once("data", (data: Buffer) => resolve([data])),
  );
  const response = await fetch(`${said.toString().trim()}/pipelines/run/demo.hello`, asked);
  expect([response.status, await response.json()]).toMatchObject([200, { status: "COMPLETED" }]);
  expect((await fetch(`http://127.0.0.1:${port}/spine/pipelines`)).status).toBe(401);
});

test("next-route.ts", async () => {
  process.env.SPINE_API_KEY = KEY;
  const { GET, POST } = await import("./next-route.ts");
  const response = await POST(new Request("http://localhost/spine/pipelines/run/demo.hello", asked));
  expect([response.status, await response.json()]).toMatchObject([200, { status: "COMPLETED" }]);
  expect((await GET(new Request("http://localhost/spine/pipelines"))).status).toBe(401);
});

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer();
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address ? address.port : 0));
    });
  });
}
