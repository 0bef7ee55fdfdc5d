import { useDisplay } from "./display.ts";
import { type ListState, Panel } from "./panel.tsx";
import { PartitionName, type RunLinks, RunName } from "./run-name.tsx";
import { StatusBadge } from "./status-badge.tsx";
import { Table } from "./table.tsx";
import { Elapsed, Time } from "./time.tsx";
import type { Run } from "./wire.ts";

interface Look extends RunLinks {
  readonly title?: string | undefined;
  readonly headingLevel?: 2 | 3 | 4 | undefined;
}
export interface RunsTableProps extends Look, ListState {
  readonly runs: readonly Run[];
}

/** Runs, newest first. */
export function RunsTable({ runs, title, headingLevel, hrefOf, onOpen, ...state }: RunsTableProps) {
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
