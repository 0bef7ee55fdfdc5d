import { useState } from "react";
import { createClient } from "spine-http/client";
import { SpineProvider, usePipelineStatus, useRunPipeline } from "spine-react";
import { PipelineStatusCard } from "spine-react/components";
import "spine-react/styles.css";

const client = createClient({ baseUrl: "/spine" });

function Report() {
  const [runId, setRunId] = useState<string | null>(null);
  const { start, isPending, error } = useRunPipeline("demo.report");
  const { run, isTerminal } = usePipelineStatus(runId);
  const click = () =>
    void start({ day: "2026-01-05" }).then(
      ({ execution_id }) => setRunId(execution_id),
      () => {}, // It stands in `error`.
    );
  return (
    <main>
      <button type="button" onClick={click} disabled={isPending || (run && !isTerminal)}>
        Run the report
      </button>
      {error && <p role="alert">{error.message}</p>}
      {runId && <PipelineStatusCard runId={runId} />}
    </main>
  );
}

export function App() {
  return (
    <SpineProvider client={client}>
      <Report />
    </SpineProvider>
  );
}
