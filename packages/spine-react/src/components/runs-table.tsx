import type { Run, RunFilter } from "spine-http/client";
import { useRuns } from "../hooks/use-runs.ts";
import { useDisplay } from "./display.ts";
import { type ListState, Panel } from "./panel.tsx";
import { PartitionName, type RunLinks, RunName } from "./run-name.tsx";
import { StatusBadge } from "./status-badge.tsx";
import { Table } from "./table.tsx";
import { Elapsed, Time } from "./time.tsx";

interface Look extends RunLinks {
  readonly title?: string | undefined;
  readonly headingLevel?: 2 | 3 | 4 | undefined;
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

function RunRows({ runs, title, headingLevel, hrefOf, onOpen, ...state }: Look & TableData) {
  const { text } = useDisplay();
  return (
    <Panel
      title={title ?? text("runs")}
      headingLevel={headingLevel}
      state={state}
      isEmpty={runs.length === 0}
      empty={text("noRuns")}
      hint={text("noRunsHint")}
    >
      <Table
        caption={title ?? text("runs")}
        columns={[
          { name: text("pipeline") },
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
                {run.pipeline}
              </RunName>
              <div className="spine-sub">
                <PartitionName partition={run.partition} />
                {run.error !== null && <span className="spine-clip">{run.error}</span>}
              </div>
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
