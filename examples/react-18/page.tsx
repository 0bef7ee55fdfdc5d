// A page that the test beside it builds with the oldest React and TanStack Query, and shows.

import { QueryClient } from "@tanstack/react-query";
import { StrictMode, version } from "react";
import { hydrateRoot } from "react-dom/client";
import { renderToString } from "react-dom/server";
import { createClient } from "spine-http/client";
import { SpineProvider, useRunActions, useRuns } from "spine-react";
import { PipelineStatusCard } from "spine-react/components";
import { spineQueries } from "spine-react/queries";

export { version };

function Page({ runId }: { readonly runId: string }) {
  const { items } = useRuns();
  const { act } = useRunActions(runId);
  return (
    <>
      <PipelineStatusCard runId={runId} />
      <p>{`${items.length} runs`}</p>
      <button type="button" onClick={() => void act("signal", { name: "go" })}>
        Go
      </button>
    </>
  );
}

/** Rendered as on a server, put into the page, taken over by a browser. Returns what was rendered, and how to leave. */
export async function show(
  place: Element,
  baseUrl: string,
  runId: string,
  complain: (error: unknown) => void,
) {
  const client = createClient({ baseUrl });
  const queryClient = new QueryClient();
  await queryClient.prefetchQuery(spineQueries(client).status(runId));
  const app = (
    <StrictMode>
      <SpineProvider client={client} queryClient={queryClient}>
        <Page runId={runId} />
      </SpineProvider>
    </StrictMode>
  );
  const html = renderToString(app);
  place.innerHTML = html;
  const root = hydrateRoot(place, app, { onRecoverableError: complain });
  return { html, leave: () => root.unmount() };
}
