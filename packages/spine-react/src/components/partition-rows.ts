import type { PartitionCell } from "spine-http/client";

export interface GridRow {
  /** `tier T1`; what a partition is called by, without its period. */
  readonly label: string;
  /** One for each period; undefined where the table expects none. */
  readonly cells: readonly (PartitionCell | undefined)[];
}

/** Cells as a grid: periods to the right, what else they are divided by downwards. */
export function partitionRows(cells: readonly PartitionCell[]): {
  readonly starts: readonly string[];
  readonly rows: readonly GridRow[];
} {
  const starts = [...new Set(cells.map(({ start }) => start))].sort();
  const columns = new Map(starts.map((start, index) => [start, index]));
  const period = periodOf(cells, starts);
  const rows = new Map<string, (PartitionCell | undefined)[]>();
  for (const cell of cells) {
    const label = Object.entries(cell.partition)
      .filter(([name]) => name !== period)
      .map(([name, value]) => `${name} ${value}`)
      .join(", ");
    const row = rows.get(label) ?? starts.map((): PartitionCell | undefined => undefined);
    row[columns.get(cell.start) ?? 0] = cell;
    rows.set(label, row);
  }
  return { starts, rows: [...rows].map(([label, row]) => ({ label, cells: row })) };
}

/** The dimension that says nothing but the period: it has one value for each. */
function periodOf(cells: readonly PartitionCell[], starts: readonly string[]): string | undefined {
  return Object.keys(cells[0]?.partition ?? {}).find((name) => {
    const values = new Set(cells.map(({ partition }) => partition[name]));
    const pairs = new Set(cells.map(({ partition, start }) => `${start} ${partition[name]}`));
    return values.size === starts.length && pairs.size === starts.length;
  });
}
