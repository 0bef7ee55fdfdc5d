import type { Table } from "spine-core";

/** The columns of the index of a table's key, in their order; empty where it has no key. */
export function keyColumns({ key, partition }: Table): readonly string[] {
  // The partition's columns first: replacing a partition then finds its rows through the index of the key.
  const startsWithPartition = partition.every((name) => key.includes(name));
  return startsWithPartition && key.length > 0
    ? [...partition, ...key.filter((name) => !partition.includes(name))]
    : key;
}

type Cell = string | null;

/**
 * In which order rows go into the index of their key with the least work: thousands of them that lie side by side there take the
 * database half the time of the same rows in no order. It is no promise, so it need not be the database's own order to the letter.
 *
 * @param keys the cells of each column of the key, one for each row.
 */
export function rowsByKey(
  keys: readonly { readonly cells: readonly Cell[]; readonly isNumber: boolean }[],
  rows: number,
): readonly number[] {
  const order = Array.from({ length: rows }, (_, row) => row);
  // Rows of one partition all have its values.
  const varying = keys.filter(({ cells }) => cells.some((cell) => cell !== cells[0]));
  const [first, second] = varying.map(({ cells, isNumber }): readonly (string | number | null)[] =>
    isNumber ? cells.map(Number) : cells,
  );
  if (!first) return order;
  return order.sort((a, b) => compare(first[a], first[b]) || (second ? compare(second[a], second[b]) : 0));
}

function compare(a: string | number | null | undefined, b: string | number | null | undefined): number {
  if (a === b) return 0;
  return (a ?? "") < (b ?? "") ? -1 : 1;
}
