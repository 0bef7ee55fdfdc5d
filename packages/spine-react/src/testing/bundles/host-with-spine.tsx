// The same host, which shows a run.
import { QueryClient, QueryClientProvider, useMutation, useQuery } from "@tanstack/react-query";
import { createRoot } from "react-dom/client";
import { createClient } from "spine-http/client";
import { PipelineStatusCard, StepTimeline } from "../../components/index.ts";
import { SpineProvider, usePipelineStatus } from "../../index.ts";

const client = createClient({ baseUrl: "/spine" });

function Page() {
  const { data, error, isPending } = useQuery({
    queryKey: ["one"],
    queryFn: () => fetch("/one").then((one) => one.json()),
  });
  const { mutate } = useMutation({ mutationFn: () => fetch("/one", { method: "POST" }) });
  const { run } = usePipelineStatus(String(data));
  return (
    <>
      <button type="button" onClick={() => mutate()}>
        {isPending ? "…" : (error?.message ?? String(data))}
      </button>
      <p>{run?.status}</p>
      <PipelineStatusCard runId={String(data)} />
      <StepTimeline runId={String(data)} mode="waterfall" />
    </>
  );
}

const queryClient = new QueryClient();
createRoot(document.body).render(
  <QueryClientProvider client={queryClient}>
    <SpineProvider client={client} queryClient={queryClient}>
      <Page />
    </SpineProvider>
  </QueryClientProvider>,
);
