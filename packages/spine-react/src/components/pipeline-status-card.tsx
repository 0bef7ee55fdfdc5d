import type { ReactNode } from "react";
import type { Status } from "spine-http/client";
import { usePipelineStatus } from "../hooks/use-pipeline-status.ts";
import { isTerminal } from "../is-terminal.ts";
import type { Connection } from "../live/followed-run.ts";
import { Card, CardContent } from "./card.tsx";
import { CopyButton } from "./copy-button.tsx";
import { useDisplay } from "./display.ts";
import { ErrorMessage } from "./error-banner.tsx";
import { type CardLook, States, type ViewState } from "./panel.tsx";
import { recordsOf } from "./records-of.ts";
import { PartitionName } from "./run-name.tsx";
import { StatusBadge } from "./status-badge.tsx";
import { Fact, Facts } from "./step-detail.tsx";
import { StepTimeline, type StepTimelineProps } from "./step-timeline.tsx";
import { Elapsed, Time } from "./time.tsx";

interface Look extends Omit<CardLook, "title"> {
  /** The name of the pipeline when left out. */
  readonly title?: ReactNode;
  /** How its steps are drawn; `list` when left out, `false` for no steps. */
  readonly timeline?: StepTimelineProps["mode"] | false;
  /** Below everything: buttons, links. */
  readonly actions?: ReactNode;
}
interface CardData extends ViewState {
  readonly run: Status | undefined;
  readonly connection?: Connection | undefined;
}
/** A run by its id, or what is known of one. */
export type PipelineStatusCardProps = Look & ({ readonly runId: string | null | undefined } | CardData);

/**
 * A run at a glance: its status, how far it is, what it has made, why it failed, its steps.
 *
 * @example
 * <PipelineStatusCard runId={runId} actions={<RunActions runId={runId} />} />
 */
export function PipelineStatusCard(props: PipelineStatusCardProps) {
  return "run" in props ? <StatusCard {...props} /> : <LiveCard {...props} />;
}

function LiveCard({ runId, ...look }: Look & { readonly runId: string | null | undefined }) {
  return <StatusCard {...look} {...usePipelineStatus(runId)} />;
}

function StatusCard(props: Look & CardData) {
  const {
    run,
    title,
    headingLevel,
    className = "",
    timeline = "list",
    actions,
    connection,
    ...state
  } = props;
  const { text } = useDisplay();
  return (
    <Card
      title={title ?? run?.pipeline ?? text("run")}
      headingLevel={headingLevel}
      className={`spine-status-card ${className}`}
      isBusy={run === undefined && state.isLoading === true}
      aside={run && <StatusBadge status={run.status} />}
    >
      <CardContent>
        <States state={state} isEmpty={!run} empty={text("noRun")} hint={text("noRunHint")}>
          {run && <Body run={run} timeline={timeline} isLive={connection === "live"} />}
        </States>
        {run && actions}
      </CardContent>
    </Card>
  );
}

interface BodyProps {
  readonly run: Status;
  readonly timeline: NonNullable<Look["timeline"]>;
  readonly isLive: boolean;
}

function Body({ run, timeline, isLive }: BodyProps) {
  const { text, number } = useDisplay();
  const { execution_id, partition, steps, started_at, completed_at, status, error } = run;
  const outer = steps.filter(({ parent }) => parent === null);
  const done = outer.filter((step) => step.status === "COMPLETED" || step.status === "SKIPPED").length;
  const records = recordsOf(run);
  return (
    <>
      <div className="spine-id">
        <code title={execution_id}>{execution_id}</code>
        <CopyButton value={execution_id} name={text("run")} />
        <PartitionName partition={partition} />
        {isLive && !isTerminal(status) && <span className="spine-live">{text("live")}</span>}
      </div>
      {outer.length > 0 && (
        <progress
          className="spine-progress"
          data-status={status}
          max={outer.length}
          value={done}
          aria-label={`${text("progress")}: ${text("stepsDone", { done, total: outer.length })}`}
        />
      )}
      <Facts>
        {outer.length > 0 && (
          <Fact name={text("steps")}>{text("stepsDone", { done, total: outer.length })}</Fact>
        )}
        {records !== null && <Fact name={text("records")}>{number(records)}</Fact>}
        <Fact name={text(started_at === null ? "queued" : "elapsed")}>
          <Elapsed from={started_at ?? run.created_at} to={completed_at} />
        </Fact>
        <Fact name={text("started")}>
          {started_at === null ? text("notStarted") : <Time at={started_at} as="short" />}
        </Fact>
      </Facts>
      {error !== null && status === "FAILED" && (
        <ErrorMessage code={run.error_code} category={run.error_category}>
          {error}
        </ErrorMessage>
      )}
      {timeline !== false && <StepTimeline run={run} mode={timeline} />}
    </>
  );
}
