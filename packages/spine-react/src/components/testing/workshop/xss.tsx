// Every component, with a payload in every text that the API could answer.
import { createRoot } from "react-dom/client";
import { SpineHttpError } from "spine-http/client";
import {
  AlertsPanel,
  ErrorBanner,
  ErrorMessage,
  LaunchForm,
  PartitionGrid,
  PipelineStatusCard,
  QualityPanel,
  QuarantineTable,
  RunActions,
  RunEventLog,
  RunsTable,
  ScheduleManager,
  SeriesChart,
  StatusAnnouncer,
  StatusBadge,
  StepTimeline,
  Toaster,
} from "../../index.ts";
import { toastStore } from "../../toast-store.ts";
import * as fixtures from "../fixtures.ts";
import { PAYLOADS, poisoned } from "../poison.ts";

// What the page counts; a payload that runs calls it.
declare global {
  interface Window {
    executions: number;
    executed: () => void;
  }
}
window.executions = 0;
window.executed = () => {
  window.executions += 1;
};

// With the statuses as they are, so that all forms are drawn; and with statuses that nobody has heard of.
const KEPT = [new Set(["status", "state", "severity", "kind", "type", "action"]), new Set(["type"])];
const done = () => Promise.resolve({ execution_id: "" });
const list = { hasMore: true, fetchMore: () => {} } as const;

function Everything({ keep }: { readonly keep: ReadonlySet<string> }) {
  const of = <T,>(data: T) => poisoned(data, keep);
  const error = new SpineHttpError(503, of(fixtures.problem), null);
  const state = { isStale: true, error } as const;
  return (
    <>
      {[fixtures.runningRun, fixtures.failedRun, fixtures.waitingRun, fixtures.completedRun]
        .map(of)
        .map((run, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: a list that stays as it is
          <div key={index}>
            <PipelineStatusCard run={run} />
            <StepTimeline run={run} mode="timed" />
            <StepTimeline run={run} mode="waterfall" {...state} />
            <StatusAnnouncer run={run} />
            <RunActions actions={run.allowed_actions} act={done} error={error} showRefused />
          </div>
        ))}
      <RunsTable runs={of(fixtures.runs)} hrefOf={(id) => `#${encodeURIComponent(id)}`} {...list} />
      <QualityPanel results={of(fixtures.quality)} />
      <QuarantineTable rejects={of(fixtures.rejects)} discard={done} redrive={done} />
      <PartitionGrid cells={of(fixtures.cells)} onBackfill={() => {}} />
      <ScheduleManager schedules={of(fixtures.schedules)} pause={done} resume={done} trigger={done} />
      <AlertsPanel groups={of(fixtures.alertGroups)} acknowledge={done} resolve={done} />
      <RunEventLog events={of(fixtures.events)} />
      <LaunchForm name={PAYLOADS[0]} schema={of(fixtures.paramsSchema)} start={done} startError={error} />
      <ErrorBanner error={error} onRetry={() => {}} />
      <ErrorMessage code={PAYLOADS[1]} category={PAYLOADS[2]}>
        {PAYLOADS[3]}
      </ErrorMessage>
      <StatusBadge status={PAYLOADS[5]} />
      <SeriesChart
        title={PAYLOADS[6]}
        pointsLabel={PAYLOADS[7]}
        points={PAYLOADS}
        names={PAYLOADS}
        series={[{ id: "a", label: PAYLOADS[8], kind: "bar", values: PAYLOADS.map((_, index) => index) }]}
        note={PAYLOADS[9]}
      />
    </>
  );
}

const root = document.getElementById("root");
if (root)
  createRoot(root).render(
    <>
      {KEPT.map((keep) => (
        <Everything key={keep.size} keep={keep} />
      ))}
      <Toaster />
    </>,
  );
for (const title of PAYLOADS.slice(0, 4))
  toastStore.add({
    kind: "error",
    title,
    detail: PAYLOADS[4],
    error: new SpineHttpError(503, poisoned(fixtures.problem), null),
    onRetry: () => {},
  });
