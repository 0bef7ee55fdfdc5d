// @vitest-environment jsdom
// With the oldest React and TanStack Query that spine-react takes: on a server, taken over by a browser, live to the end.

import { spawnSync } from "node:child_process";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { runInThisContext } from "node:vm";
import { memory } from "spine-adapters/databases";
import { createSpine, defineWorkflow, silentLogger } from "spine-core";
import { createHandler, insecureNoAuth, toNodeHandler } from "spine-http";
import { build } from "vite";
import { expect, onTestFinished, test, vi } from "vitest";

interface Page {
  readonly version: string;
  show(
    place: Element,
    baseUrl: string,
    runId: string,
    complain: (error: unknown) => void,
  ): Promise<{ readonly html: string; leave(): void }>;
}

test("React 18.2 and TanStack Query 5.80", async () => {
  const ensured = spawnSync(process.execPath, [join(import.meta.dirname, "ensure.mjs")], {
    stdio: ["ignore", 2, 2],
  });
  expect(ensured.status).toBe(0);
  const page = await built();
  expect(page.version).toBe("18.2.0");

  const gated = defineWorkflow({ name: "demo.gated" }).wait("go", { signal: "go" });
  const spine = await createSpine({ database: memory(), workflows: [gated], logger: silentLogger });
  const handler = createHandler(spine, { basePath: "/spine", auth: insecureNoAuth(), logger: silentLogger });
  const server = createServer(toNodeHandler(handler)).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  onTestFinished(async () => {
    handler.close();
    server.closeAllConnections();
    server.close();
    await spine.stop();
  });
  const run = await spine.run(gated, {});
  await expect.poll(async () => (await spine.get(run.id)).run.status).toBe("WAITING");

  const complaints: unknown[] = [];
  const spied = vi.spyOn(console, "error").mockImplementation((...said) => void complaints.push(said));
  onTestFinished(() => spied.mockRestore());
  const place = document.body.appendChild(document.createElement("main"));
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/spine`;
  const shown = await page.show(place, baseUrl, run.id, (error) => complaints.push(error));
  expect(shown.html).toContain("demo.gated");
  await expect.poll(() => place.textContent).toContain("1 runs");
  const go = [...place.querySelectorAll("button")].find(({ textContent }) => textContent === "Go");
  go?.click();
  await expect.poll(() => place.textContent).toContain("Completed");
  shown.leave();
  expect(place.textContent).toBe("");
  expect(complaints).toEqual([]);
});

/** The page with the versions of this folder, as one script. */
async function built(): Promise<Page> {
  const here = (path: string) => join(import.meta.dirname, "node_modules", path);
  const [bundle] = (await build({
    configFile: false,
    logLevel: "error",
    define: { "process.env.NODE_ENV": '"development"' },
    resolve: {
      conditions: ["spine-source", "module", "browser", "development"],
      alias: {
        react: here("react"),
        "react-dom": here("react-dom"),
        "@tanstack/react-query": here("@tanstack/react-query"),
      },
    },
    build: {
      write: false,
      minify: false,
      lib: { entry: join(import.meta.dirname, "page.tsx"), formats: ["iife"], name: "page" },
    },
  })) as unknown as { readonly output: readonly { readonly code: string }[] }[];
  return runInThisContext(`(() => { ${bundle?.output[0]?.code}\nreturn page; })()`) as Page;
}
