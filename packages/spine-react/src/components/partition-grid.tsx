import { type KeyboardEvent, type ReactNode, useMemo, useRef, useState } from "react";
import type { PartitionCell, PartitionRange, RunStarted } from "spine-http/client";
import { usePartitions } from "../hooks/use-partitions.ts";
import { useRefetchWhenChanged } from "../hooks/use-refetch-when-changed.ts";
import { BackfillDialog } from "./backfill-dialog.tsx";
import { Button } from "./button.tsx";
import { type Display, useDisplay } from "./display.ts";
import { Icon, toneOf } from "./icon.tsx";
import { type CardLook, type ListState, Panel } from "./panel.tsx";
import { type GridRow, partitionRows } from "./partition-rows.ts";

interface Look extends CardLook {
  readonly aside?: ReactNode;
}
interface GridData extends ListState {
  readonly cells: readonly PartitionCell[];
  /** Called with what is selected; there is a button for it then. */
  readonly onBackfill?: ((cells: readonly PartitionCell[]) => void) | undefined;
}

interface OfTable extends PartitionRange {
  readonly table: string;
  /** False: there is no button to fill what is missing. */
  readonly canBackfill?: boolean | undefined;
  /** Called with the run that fills partitions. */
  readonly onStarted?: ((run: RunStarted) => void) | undefined;
}
/** The partitions of a table between two days (`YYYY-MM-DD`), or cells that are given. */
export type PartitionGridProps = Look & (OfTable | GridData);

interface Place {
  readonly row: number;
  readonly column: number;
}

/** The partitions of a table: a column for each period, and what is there of it. Ranges can be selected. */
export function PartitionGrid(props: PartitionGridProps) {
  return "cells" in props ? <Grid {...props} /> : <LiveGrid {...props} />;
}

function LiveGrid({ table, from, to, limit, canBackfill = true, onStarted, ...look }: Look & OfTable) {
  const { items, ...state } = usePartitions(table, {
    limit: limit ?? MOST_CELLS,
    ...(from === undefined ? {} : { from }),
    ...(to === undefined ? {} : { to }),
  });
  const [selected, setSelected] = useState<readonly PartitionCell[] | null>(null);
  const [backfill, setBackfill] = useState<string | null>(null);
  // What a backfill does is seen as it does it.
  useRefetchWhenChanged(backfill, state.refetch);
  return (
    <>
      <Grid
        title={table}
        {...look}
        {...state}
        cells={items}
        onBackfill={canBackfill ? setSelected : undefined}
      />
      {selected && (
        <BackfillDialog
          table={table}
          selected={selected}
          onClose={() => setSelected(null)}
          onStarted={(run) => {
            setBackfill(run.execution_id);
            onStarted?.(run);
          }}
        />
      )}
    </>
  );
}

function Grid(props: Look & GridData) {
  const { cells, onBackfill, title, headingLevel, className, aside, ...state } = props;
  const display = useDisplay();
  const { text, count } = display;
  const { starts, rows } = useMemo(() => partitionRows(cells), [cells]);
  const [at, setAt] = useState<Place | null>(null);
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
  const anchor = useRef<Place | null>(null);
  // The newest is where one looks first.
  const current = at ?? { row: 0, column: starts.length - 1 };
  const shown = at && rows[at.row]?.cells[at.column];
  const chosen = cells.filter(({ key }) => selected.has(key));
  const choose = (place: Place, how: "one" | "more" | "range") => {
    const from = how === "range" ? (anchor.current ?? place) : place;
    if (how !== "range") anchor.current = place;
    const keys = keysBetween(rows, from, place);
    setSelected((known) => {
      if (how !== "more") return new Set(keys);
      const next = new Set(known);
      for (const key of keys) if (!next.delete(key)) next.add(key);
      return next;
    });
  };
  const press = (event: KeyboardEvent<HTMLTableElement>) => {
    if (event.key === "Escape") return setSelected(new Set());
    const move = MOVES[event.key];
    if (!move) return;
    event.preventDefault();
    const [down, right] = move;
    const place = {
      row: Math.max(0, Math.min(rows.length - 1, current.row + down)),
      column: Math.max(0, Math.min(starts.length - 1, current.column + right)),
    };
    if (event.shiftKey) {
      anchor.current ??= current;
      choose(place, "range");
    }
    setAt(place);
    event.currentTarget.querySelector<HTMLElement>(`[data-at="${place.row} ${place.column}"]`)?.focus();
  };
  return (
    <Panel
      title={title ?? text("partitions")}
      headingLevel={headingLevel}
      className={className}
      aside={aside}
      state={state}
      isEmpty={cells.length === 0}
      empty={text("noPartitions")}
      hint={text("noPartitionsHint")}
    >
      <div ref={toNewest} className="spine-scroll">
        <table
          className="spine-grid"
          aria-label={title ?? text("partitions")}
          aria-description={text("gridKeys")}
          onKeyDown={press}
        >
          <thead>
            <tr>
              <td />
              {starts.map((start, index) => (
                <th key={start} scope="col" aria-label={display.time(start, "date")}>
                  {start.slice(0, 7) !== starts[index - 1]?.slice(0, 7) && <b>{start.slice(0, 7)}</b>}
                  <span>{start.slice(8)}</span>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map((row, rowIndex) => (
              <tr key={row.label}>
                <th scope="row">
                  {row.label || <span className="spine-hidden">{title ?? text("partitions")}</span>}
                </th>
                {row.cells.map((cell, column) => {
                  const place = { row: rowIndex, column };
                  const isCurrent = current.row === rowIndex && current.column === column;
                  return (
                    <td key={starts[column]}>
                      <button
                        type="button"
                        className="spine-cell"
                        tabIndex={isCurrent ? 0 : -1}
                        data-at={`${rowIndex} ${column}`}
                        data-tone={cell && toneOf(cell.state)}
                        data-state={cell?.state}
                        aria-pressed={cell !== undefined && selected.has(cell.key)}
                        aria-label={cell ? nameOf(cell, row, display) : text("none")}
                        onFocus={() => setAt(place)}
                        onPointerEnter={() => setAt(place)}
                        onClick={(event) =>
                          choose(
                            place,
                            event.shiftKey
                              ? "range"
                              : event.metaKey || event.ctrlKey || event.detail === 0
                                ? "more"
                                : "one",
                          )
                        }
                      >
                        {cell && <Icon name={cell.state} />}
                      </button>
                    </td>
                  );
                })}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <div className="spine-toolbar">
        <div className="spine-legend" aria-hidden="true">
          {shown && at ? nameOf(shown, rows[at.row], display) : <States cells={cells} />}
        </div>
        <span role="status">{chosen.length > 0 && count("selected", chosen.length)}</span>
        {onBackfill && <Button onClick={() => onBackfill(chosen)}>{text("backfill")}…</Button>}
      </div>
    </Panel>
  );
}

/** Where not all of it fits, the newest is seen first. */
function toNewest(scroll: HTMLDivElement | null): void {
  if (scroll) scroll.scrollLeft = scroll.scrollWidth;
}

/** A year of weeks in three tiers, and some. */
const MOST_CELLS = 200;

const MOVES: Readonly<Record<string, readonly [down: number, right: number]>> = {
  ArrowDown: [1, 0],
  ArrowUp: [-1, 0],
  ArrowRight: [0, 1],
  ArrowLeft: [0, -1],
  Home: [0, -Infinity],
  End: [0, Infinity],
};

function keysBetween(rows: readonly GridRow[], a: Place, b: Place): readonly string[] {
  const keys: string[] = [];
  for (let row = Math.min(a.row, b.row); row <= Math.max(a.row, b.row); row++)
    for (let column = Math.min(a.column, b.column); column <= Math.max(a.column, b.column); column++) {
      const cell = rows[row]?.cells[column];
      if (cell) keys.push(cell.key);
    }
  return keys;
}

function nameOf(cell: PartitionCell, row: GridRow | undefined, { status, count, time }: Display): string {
  const rows = cell.rows === null ? [] : [count("rows", cell.rows)];
  return [row?.label, time(cell.start, "date"), status(cell.state), ...rows].filter(Boolean).join(", ");
}

/** How many there are of each state. */
function States({ cells }: { readonly cells: readonly PartitionCell[] }) {
  const { status, number } = useDisplay();
  const counts = new Map<string, number>();
  for (const { state } of cells) counts.set(state, (counts.get(state) ?? 0) + 1);
  return (
    <>
      {[...counts].map(([state, count]) => (
        <span key={state} data-tone={toneOf(state)} className="spine-toned">
          <Icon name={state} />
          {status(state)} {number(count)}
        </span>
      ))}
    </>
  );
}
