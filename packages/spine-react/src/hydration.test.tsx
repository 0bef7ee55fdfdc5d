// @vitest-environment jsdom
// In the browser that gets a page from a server: nothing differs, nothing that has ended is asked, and what goes on is followed.

import {
  dehydrate,
  HydrationBoundary,
  QueryClient,
  QueryClientProvider,
  useQueryClient,
} from "@tanstack/react-query";
import { act, screen } from "@testing-library/react";
import { hydrateRoot } from "react-dom/client";
import { renderToString } from "react-dom/server";
import { createClient } from "spine-http/client";
import { expect, onTestFinished, test, vi } from "vitest";
import { usePipelineStatus } from "./hooks/use-pipeline-status.ts";
import { SpineProvider } from "./provider.tsx";
import { spineQueries } from "./queries/index.ts";
import { gated, report } from "./testing/demo.ts";
import "./testing/dom.ts";
import { serve } from "./testing/serve.ts";

test("hydrates without a difference, and follows what has not ended", async () => {
  const { spine, url, asked } = await serve({ workflows: [report, gated] });
  const ended = await spine.run(report, { day: "2026-01-05" });
  await ended.result();
  const open = await spine.run(gated, {});
  await vi.waitFor(async () => expect((await spine.get(open.id)).run.status).toBe("WAITING"));
  const client = createClient({ baseUrl: url });
  const onServer = new QueryClient();
  for (const { id } of [ended, open]) await onServer.prefetchQuery(spineQueries(client).status(id));

  function Shown({ runId }: { readonly runId: string }) {
    const { run, connection } = usePipelineStatus(runId);
    return <p>{`${run?.pipeline} ${run?.status} ${connection}`}</p>;
  }
  // The host's own provider is enough to find the cache, which is given on.
  function Host() {
    return (
      <SpineProvider client={client} queryClient={useQueryClient()}>
        <Shown runId={ended.id} />
        <Shown runId={open.id} />
      </SpineProvider>
    );
  }
  const app = (queryClient: QueryClient) => (
    <QueryClientProvider client={queryClient}>
      <HydrationBoundary state={dehydrate(onServer)}>
        <Host />
      </HydrationBoundary>
    </QueryClientProvider>
  );
  const page = document.createElement("div");
  page.innerHTML = renderToString(app(onServer));
  expect(page.textContent).toBe("demo.report COMPLETED offdemo.gated WAITING off");
  document.body.append(page);
  const before = asked.length;
  const complaints: unknown[] = [];
  const console = vi
    .spyOn(globalThis.console, "error")
    .mockImplementation((...said) => void complaints.push(said));
  onTestFinished(() => console.mockRestore());
  const root = await act(async () =>
    hydrateRoot(page, app(new QueryClient()), { onRecoverableError: (error) => void complaints.push(error) }),
  );
  onTestFinished(() => root.unmount());
  await screen.findByText("demo.gated WAITING live");
  await spine.signal(open.id, "first", null);
  await spine.signal(open.id, "second", null);
  await screen.findByText("demo.gated COMPLETED off");
  expect(asked.slice(before).filter((path) => path.includes(ended.id))).toEqual([]);
  expect(complaints.filter((each) => !String(each).includes("act("))).toEqual([]);
});
