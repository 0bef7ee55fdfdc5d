/**
 * Makes a run due that waits, because a message has come: part of the SET of an UPDATE. One that is due already keeps its
 * place among the others. The row is locked when this is computed, so that it is not the state of an earlier moment.
 */
export function wakeSql(run: string, now: string): string {
  return `available_at = CASE WHEN ${run}.status = 'WAITING' THEN least(${run}.available_at, ${now}) ELSE ${run}.available_at END`;
}
