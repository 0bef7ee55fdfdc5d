// On a server: what was prefetched is rendered, what was not is loading, and nothing is asked or left behind.

import { QueryClient } from "@tanstack/react-query";
import { renderToString } from "react-dom/server";
import { createClient } from "spine-http/client";
import { expect, test } from "vitest";
import { usePipelineStatus } from "./hooks/use-pipeline-status.ts";
import { useRuns } from "./hooks/use-runs.ts";
import { SpineProvider } from "./provider.tsx";
import { spineQueries } from "./queries/index.ts";
import { report } from "./testing/demo.ts";
import { serve } from "./testing/serve.ts";

test("renders what was prefetched; what was not is loading", async () => {
  const { spine, url, asked } = await serve({ workflows: [report] });
  const run = await spine.run(report, { day: "2026-01-05" });
  await run.result();
  const client = createClient({ baseUrl: url });
  const queryClient = new QueryClient();
  const queries = spineQueries(client);
  await queryClient.prefetchQuery(queries.status(run.id));
  expect(queryClient.getQueryData(queries.status(run.id).queryKey)?.status).toBe("COMPLETED");
  await queryClient.prefetchInfiniteQuery(queries.runs({}));
  const before = asked.length;
  function Page() {
    const { run: status, lastUpdated, connection } = usePipelineStatus(run.id);
    const { items } = useRuns();
    const other = usePipelineStatus("01900000-0000-7000-8000-000000000000");
    return (
      <p>{`${status?.status} ${lastUpdated !== null} ${connection} ${items.length} ${other.isLoading}`}</p>
    );
  }
  const timers = process.getActiveResourcesInfo().filter((each) => each === "Timeout").length;
  const html = renderToString(
    <SpineProvider client={client} queryClient={queryClient}>
      <Page />
    </SpineProvider>,
  );
  expect(html).toBe("<p>COMPLETED true off 1 true</p>");
  expect(asked.length).toBe(before);
  expect(process.getActiveResourcesInfo().filter((each) => each === "Timeout").length).toBe(timers);
});
