import { type FormEvent, useEffect, useRef, useState } from "react";
import type { Status } from "spine-http/client";
import { usePipelineStatus, useRunActions, useRunPipeline, useSpine } from "spine-react";
import {
  Button,
  Card,
  CardContent,
  Field,
  PipelineStatusCard,
  RunActions,
  Segments,
  useRunToasts,
  useToast,
} from "spine-react/components";
import { INGEST_WEEK } from "../ingest-week-name.ts";
import { TIERS, type Tier } from "../tier.ts";
import { TRADE_ACTIVITY } from "../trade-activity-name.ts";
import { finraQueries } from "./finra-queries.ts";
import { type FinraLabels, finraTexts } from "./labels.ts";
import { weekFrom, weekOf } from "./week.ts";

/** One week of one tier, as it is chosen. */
export interface ChosenWeek {
  readonly tier: Tier;
  /** A day of the week, `YYYY-MM-DD`; empty while none is chosen. */
  readonly week_ending: string;
}

export interface FinraIngestPanelProps {
  /** What is chosen; with `onChoose`, the host keeps it. */
  readonly week: ChosenWeek;
  readonly onChoose: (week: ChosenWeek) => void;
  /** The run that is shown; the host keeps it too, e.g. in the address of the page. */
  readonly runId: string | null;
  readonly onStarted: (runId: string) => void;
  /** A run that was looked at has completed: its rows are there. */
  readonly onCompleted?: (run: Status) => void;
  readonly headingLevel?: 2 | 3;
  readonly labels?: Partial<FinraLabels>;
}

/**
 * Starts the ingest of a week and shows it: its status and steps while they happen, a toast with the record count when it is done, one
 * with a retry when it has failed. Charts of FINRA's data are asked for anew then. Needs a `<Toaster>` in the page.
 *
 * @example
 * function Ingest() {
 *   const [week, choose] = useState<ChosenWeek>({ tier: "T1", week_ending: "2026-03-06" });
 *   const [runId, show] = useState<string | null>(null);
 *   return <FinraIngestPanel week={week} onChoose={choose} runId={runId} onStarted={show} />;
 * }
 */
export function FinraIngestPanel(props: FinraIngestPanelProps) {
  const { week, onChoose, runId, onStarted, onCompleted, headingLevel = 2, labels } = props;
  const text = finraTexts(labels);
  const toast = useToast();
  const ingest = useRunPipeline(INGEST_WEEK);
  const [startedHere, setStartedHere] = useState<string | null>(null);
  const days = weekOf(week.week_ending);

  const started = (id: string) => {
    setStartedHere(id);
    onStarted(id);
  };
  const start = async () => {
    try {
      const { execution_id } = await ingest.start({ tier: week.tier, week_ending: week.week_ending });
      started(execution_id);
    } catch (error) {
      toast.error(error as Error, { onRetry: () => void start() });
    }
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (!ingest.isPending) void start();
  };
  const move = (weeks: number) => onChoose({ ...week, week_ending: weekFrom(week.week_ending, weeks) });
  return (
    <div className="spine-root spine-stack">
      <Card title={text("panelTitle")} headingLevel={headingLevel}>
        <CardContent>
          <form className="spine-form" onSubmit={submit}>
            <Segments
              legend={text("tier")}
              options={TIERS.map((tier) => ({ value: tier, label: tier, title: text(`tier${tier}`) }))}
              value={week.tier}
              onChange={(tier) => onChoose({ ...week, tier })}
            />
            <Field label={text("weekEnding")} hint={days ? text("weekFromTo", days) : undefined}>
              {(ids) => (
                <div className="spine-joined">
                  <Button aria-label={text("weekBefore")} onClick={() => move(-1)}>
                    ‹
                  </Button>
                  <input
                    {...ids}
                    type="date"
                    required
                    value={week.week_ending}
                    onChange={({ target }) => onChoose({ ...week, week_ending: target.value })}
                  />
                  <Button aria-label={text("weekAfter")} onClick={() => move(1)}>
                    ›
                  </Button>
                </div>
              )}
            </Field>
            <Button type="submit" look="primary" isPending={ingest.isPending}>
              {text(ingest.isPending ? "starting" : "run")}
            </Button>
          </form>
        </CardContent>
      </Card>
      {runId !== null && (
        <Followed
          key={runId}
          runId={runId}
          startedHere={runId === startedHere}
          onStarted={started}
          onCompleted={onCompleted}
          headingLevel={headingLevel === 2 ? 3 : 4}
          text={text}
        />
      )}
    </div>
  );
}

interface FollowedProps {
  readonly runId: string;
  readonly startedHere: boolean;
  readonly onStarted: (runId: string) => void;
  readonly onCompleted: ((run: Status) => void) | undefined;
  readonly headingLevel: 3 | 4;
  readonly text: ReturnType<typeof finraTexts>;
}

function Followed({ runId, startedHere, onStarted, onCompleted, headingLevel, text }: FollowedProps) {
  const { client, queryClient, queries } = useSpine();
  const { run, isTerminal } = usePipelineStatus(runId);
  const { act } = useRunActions(runId);
  useRunToasts(run, { startedHere, onRetry: () => act("retry") });
  const completed = useRef(onCompleted);
  useEffect(() => {
    completed.current = onCompleted;
  });
  useEffect(() => {
    if (!isTerminal) return;
    void queryClient.invalidateQueries({ queryKey: queries.keys.runs() });
    void queryClient.invalidateQueries({ queryKey: queries.keys.partitions(TRADE_ACTIVITY) });
  }, [isTerminal, queryClient, queries]);
  const done = run?.status === "COMPLETED" ? run : null;
  useEffect(() => {
    if (done === null) return;
    void queryClient.invalidateQueries({ queryKey: finraQueries(client).all });
    completed.current?.(done);
  }, [done, client, queryClient]);
  const { tier, week_start } = run?.partition ?? {};
  const week = week_start === undefined ? null : weekOf(week_start);
  // A run of another pipeline has its own name.
  const title = tier && week ? text("runTitle", { tier, week: week.to }) : undefined;
  return (
    <PipelineStatusCard
      runId={runId}
      title={title}
      headingLevel={headingLevel}
      actions={
        <RunActions runId={runId} onDone={(action, id) => (action === "rerun" ? onStarted(id) : undefined)} />
      }
    />
  );
}
