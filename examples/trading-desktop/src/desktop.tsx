import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { INGEST_WEEK, TRADE_ACTIVITY } from "spine-finra/client";
import { type ChosenWeek, FinraIngestPanel, TradeActivityChart } from "spine-finra/react";
import type { PartitionRange } from "spine-http/client";
import { useSpine } from "spine-react";
import {
  PartitionGrid,
  RunsTable,
  ScheduleManager,
  Spinner,
  StatusAnnouncer,
  Toaster,
} from "spine-react/components";
import { desktopApi } from "./desktop-api.ts";
import { Header } from "./header.tsx";
import { SampleControls } from "./sample-controls.tsx";
import { useShownRun } from "./use-shown-run.ts";

const RECENT = { pipeline: INGEST_WEEK, limit: 8 };
const SHOWN_WEEKS = 26;
const SCHEDULED = { pipeline: INGEST_WEEK };

/** The page, once it is known where weeks come from. */
export function Desktop() {
  const { client, queryClient } = useSpine();
  const { data, isPending } = useQuery(
    {
      queryKey: ["desktop"],
      queryFn: ({ signal }) => desktopApi(client).settings(signal),
      staleTime: Number.POSITIVE_INFINITY,
    },
    queryClient,
  );
  const isSample = data?.source === "SAMPLE";
  return (
    <>
      <Header isSample={isSample} />
      <main className="desk" aria-busy={isPending}>
        {isPending ? <Spinner /> : <Desk weekEnding={data?.week_ending ?? ""} isSample={isSample} />}
      </main>
      <Toaster />
    </>
  );
}

interface DeskProps {
  /** The week to begin with. */
  readonly weekEnding: string;
  readonly isSample: boolean;
}

/** As many weeks as the grid has room for, the last of them the one of a day. */
function weeksUntil(to: string): PartitionRange {
  const ms = Date.parse(to);
  if (Number.isNaN(ms)) return {};
  return { from: new Date(ms - (SHOWN_WEEKS - 1) * 7 * 86_400_000).toISOString().slice(0, 10), to };
}

/** A week is ingested on the left, and what is loaded stands on the right. */
function Desk({ weekEnding, isSample }: DeskProps) {
  const [runId, show] = useShownRun();
  const [week, choose] = useState<ChosenWeek>({ tier: "T1", week_ending: weekEnding });
  return (
    <>
      <div className="desk-side">
        <FinraIngestPanel week={week} onChoose={choose} runId={runId} onStarted={show} />
      </div>
      <div className="desk-main">
        <TradeActivityChart
          headingLevel={2}
          by="symbol"
          tier={week.tier}
          {...(week.week_ending === "" ? {} : { week_ending: week.week_ending })}
        />
        <PartitionGrid
          title="Weeks"
          headingLevel={2}
          table={TRADE_ACTIVITY}
          {...weeksUntil(week.week_ending > weekEnding ? week.week_ending : weekEnding)}
          onStarted={({ execution_id }) => show(execution_id)}
        />
        <RunsTable
          title="Recent runs"
          headingLevel={2}
          nameBy="partition"
          filter={RECENT}
          hrefOf={(id) => `#/runs/${encodeURIComponent(id)}`}
        />
        <ScheduleManager
          headingLevel={2}
          filter={SCHEDULED}
          onStarted={({ execution_id }) => show(execution_id)}
        />
      </div>
      {isSample && <SampleControls />}
      <StatusAnnouncer runId={runId} />
    </>
  );
}
