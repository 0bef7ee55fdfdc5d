// @vitest-environment jsdom
// The host app of docs/react.md, as it stands there, against a real server.

import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { cleanup, configure, render, screen } from "@testing-library/react";
import { memory } from "spine-adapters/databases";
import { createSpine, defineWorkflow, silentLogger } from "spine-core";
import { createHandler, insecureNoAuth, toNodeHandler } from "spine-http";
import { expect, onTestFinished, test, vi } from "vitest";
import { z } from "zod";
import { App } from "./app.tsx";

test("the host app of docs/react.md starts a run, and shows it to its end", async () => {
  const isOver = Promise.withResolvers<void>();
  const report = defineWorkflow({ name: "demo.report", params: z.object({ day: z.iso.date() }) })
    .step("count", () => isOver.promise)
    .step("publish", () => "done");
  const spine = await createSpine({ database: memory(), workflows: [report], logger: silentLogger });
  const handler = createHandler(spine, { basePath: "/spine", auth: insecureNoAuth(), logger: silentLogger });
  const server = createServer(toNodeHandler(handler)).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as AddressInfo;
  // The page is served beside the API.
  const there = globalThis.fetch;
  vi.stubGlobal("fetch", (path: string, init?: RequestInit) =>
    there(`http://127.0.0.1:${port}${path}`, init),
  );
  onTestFinished(async () => {
    cleanup();
    vi.unstubAllGlobals();
    handler.close();
    server.closeAllConnections();
    server.close();
    await spine.stop();
  });
  configure({ asyncUtilTimeout: 10_000 });
  render(<App />);
  screen.getByRole("button", { name: "Run the report" }).click();
  await screen.findByRole("heading", { name: "demo.report" });
  await screen.findByText("Running");
  isOver.resolve();
  await screen.findByText("Completed");
  expect(screen.queryByRole("alert")).toBeNull();
});

test("it is short", () => {
  const lines = readFileSync(join(import.meta.dirname, "app.tsx"), "utf8")
    .trim()
    .split("\n");
  expect(lines.length).toBeLessThan(40);
});
