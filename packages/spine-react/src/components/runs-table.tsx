import type { Run, RunFilter } from "spine-http/client";
import { useRuns } from "../hooks/use-runs.ts";
import { useDisplay } from "./display.ts";
import { type CardLook, type ListState, Panel } from "./panel.tsx";
import { PartitionName, type RunLinks, RunName } from "./run-name.tsx";
import { StatusBadge } from "./status-badge.tsx";
import { Table } from "./table.tsx";
import { Elapsed, Time } from "./time.tsx";
import { Words } from "./words.tsx";

interface Look extends RunLinks, CardLook {
  /** What runs are called by in the first column: `pipeline` when left out, `partition` for runs of one pipeline. */
  readonly nameBy?: "pipeline" | "partition" | undefined;
}
interface TableData extends ListState {
  readonly runs: readonly Run[];
}
/** The runs that fit a filter, all when it is left out; or runs that are given. */
export type RunsTableProps = Look & ({ readonly filter?: RunFilter | undefined } | TableData);

/**
 * Runs, newest first.
 *
 * @example
 * <RunsTable filter={{ status: ["FAILED"], limit: 20 }} hrefOf={(id) => `/runs/${id}`} />
 */
export function RunsTable(props: RunsTableProps) {
  return "runs" in props ? <RunRows {...props} /> : <LiveRuns {...props} />;
}

function LiveRuns({ filter, ...look }: Look & { readonly filter?: RunFilter | undefined }) {
  const { items, ...state } = useRuns(filter);
  return <RunRows {...look} {...state} runs={items} />;
}

function RunRows(props: Look & TableData) {
  const { runs, title, headingLevel, className, nameBy = "pipeline", hrefOf, onOpen, ...state } = props;
  const { text } = useDisplay();
  return (
    <Panel
      title={title ?? text("runs")}
      headingLevel={headingLevel}
      className={className}
      state={state}
      isEmpty={runs.length === 0}
      empty={text("noRuns")}
      hint={text("noRunsHint")}
    >
      <Table
        caption={title ?? text("runs")}
        isStacked
        columns={[
          { name: text(nameBy) },
          { name: text("statusColumn") },
          { name: text("started"), isMinor: true },
          { name: text("duration"), isNumber: true },
          { name: text("trigger"), isMinor: true },
        ]}
      >
        {runs.map((run) => (
          <tr key={run.execution_id}>
            <th scope="row" className="spine-wide">
              <RunName run={run} hrefOf={hrefOf} onOpen={onOpen}>
                {nameBy === "partition" && run.partition !== null ? (
                  Object.values(run.partition).join(" · ")
                ) : (
                  <Words>{run.pipeline}</Words>
                )}
              </RunName>
              {nameBy === "pipeline" && run.partition !== null && (
                <div className="spine-sub">
                  <PartitionName partition={run.partition} />
                </div>
              )}
              {run.error !== null && (
                <div className="spine-sub spine-clip" title={run.error}>
                  {run.error}
                </div>
              )}
            </th>
            <td>
              <StatusBadge status={run.status} />
            </td>
            <td data-minor>
              <Time at={run.started_at ?? run.created_at} as="short" />
            </td>
            <td data-number>
              <Elapsed from={run.started_at} to={run.completed_at} />
            </td>
            <td data-minor>{run.triggered_by}</td>
          </tr>
        ))}
      </Table>
    </Panel>
  );
}
