// What a browser loads: how much, and nothing that belongs on a server.

import { join } from "node:path";
import { expect, test } from "vitest";
import { browserBundle } from "./testing/browser-bundle.ts";

const here = (path: string) => join(import.meta.dirname, path);
const KB = 1_000;

test("usePipelineStatus with card and timeline is no more than 15 kB on top of React and TanStack Query", async () => {
  const host = await browserBundle(here("testing/bundles/host.tsx"));
  const withSpine = await browserBundle(here("testing/bundles/host-with-spine.tsx"));
  const added = (withSpine.size - host.size) / KB;
  expect(withSpine.modules).toContain("packages/spine-react/src/components/step-timeline.tsx");
  console.log(
    `status, card and timeline: ${added.toFixed(1)} kB gzip, beside ${(host.size / KB).toFixed(0)} kB of the host`,
  );
  expect(added).toBeLessThanOrEqual(15);
});

test.each(["index.ts", "components/index.ts", "queries/index.ts"])(
  "%s brings nothing of a server's, and no schemas",
  async (entry) => {
    const { modules, code } = await browserBundle(here(entry));
    expect(modules).toContain(`packages/spine-react/src/${entry}`);
    expect(code).toMatch(/\bexport\b/);
    expect(code).toContain("/pipelines/status/{id}");
    const foreign = modules.filter((path) => !path.startsWith("packages/spine-react/"));
    const packages = new Set(
      foreign.map((path) => /(?:node_modules|packages)\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1] ?? path),
    );
    const allowed = /^(react|react-dom|scheduler|@tanstack\/.*|d3-.*|internmap|spine-http)$/;
    expect([...packages].filter((name) => !allowed.test(name) && !name.startsWith("\0"))).toEqual([]);
    expect(
      foreign.filter((path) => path.startsWith("packages/spine-http/") && !path.includes("/src/client/")),
    ).toEqual([]);
    expect(code).not.toMatch(/["']node:|__vite-browser-external|\bkysely\b|ZodError/);
  },
);

test("queries need no React", async () => {
  const { modules, code } = await browserBundle(here("queries/index.ts"));
  expect(code).toContain("/pipelines/status/{id}");
  expect(modules.filter((path) => /node_modules\/(react|@tanstack)/.test(path))).toEqual([]);
});
