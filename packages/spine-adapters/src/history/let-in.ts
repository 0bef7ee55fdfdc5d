import { OPEN_LOAD, type QueueLoad, QueueRoom, type Waiting } from "./queue-room.ts";
import { isBegun, isKeyed, RANK_SHIFT } from "./run-rank.ts";

/** Runs in one order, of which none stands in front of another one for a reason that does not hold for that one. */
export interface Line {
  readonly queue: string;
  readonly workflow: string;
  readonly rank: number;
}

/** What is asked for: by which worker, at which time, how many. */
export interface Places {
  readonly worker: string;
  readonly limit: number;
  /** Ms since the epoch. */
  readonly now: number;
}

/** By queue; those that are not in it have no limits. */
export type Loads = ReadonlyMap<string, QueueLoad>;

/** How many of a line, from its first on, have to be looked at. */
export interface LineRead extends Line {
  readonly most: number;
}

export interface Admission<R extends Waiting = Waiting> {
  /** In the order in which they begin. */
  readonly chosen: readonly R[];
  /** When the next of the others can be let in; null: not before something changes. */
  readonly nextAt: number | null;
  /** Queues of which runs were held back because of their keys. */
  readonly keyed: ReadonlySet<string>;
}

/** Looked at in front of what fits, where keys may be full: a few runs of them are no reason to go from key to key. */
const KEY_WINDOW = 50;

/** What has to be looked at in each line: what there is room for, and one more to know what comes next. */
export function readsOf(lines: readonly Line[], loads: Loads, places: Places): readonly LineRead[] {
  const rooms = roomsOf(loads, places);
  return lines.flatMap((line) => {
    const room = rooms(line.queue);
    if (room.left === 0) return [];
    const fits = Math.min(
      places.limit,
      room.left,
      isBegun(line.rank) ? Number.POSITIVE_INFINITY : room.firstLeft,
    );
    const window = isKeyed(line.rank) && room.limitsKeys ? KEY_WINDOW : 0;
    return [{ ...line, most: fits + 1 + window }];
  });
}

/** Which of the runs that wait are let in: the most urgent ones of those that may be. */
export function letIn<R extends Waiting>(waiting: readonly R[], loads: Loads, places: Places): Admission<R> {
  const { limit, now } = places;
  const rooms = roomsOf(loads, places);
  const chosen: R[] = [];
  const left: R[] = [];
  const keyed = new Set<string>();
  for (const run of [...waiting].sort(inOrder)) {
    const room = rooms(run.queue);
    const opens = room.opensFor(run);
    if (opens !== null && opens <= now && chosen.length < limit) {
      room.take(run);
      chosen.push(run);
      continue;
    }
    left.push(run);
    if (opens === null && room.left > 0) keyed.add(run.queue);
  }
  // Asked again, now that it is known who else comes in.
  let nextAt: number | null = null;
  for (const run of left) {
    const opens = rooms(run.queue).opensFor(run);
    if (opens !== null && (nextAt === null || opens < nextAt)) nextAt = opens;
  }
  return { chosen, nextAt, keyed };
}

/**
 * The queues whose runs have to be looked at key by key: runs of full keys were in the way, not all of a line have been
 * seen, and behind them there may be one that fits and is more urgent than the last of those that were chosen.
 */
export function queuesToReadByKey(
  reads: readonly LineRead[],
  found: readonly Waiting[],
  { chosen, keyed }: Admission,
  { limit }: Places,
): readonly string[] {
  if (keyed.size === 0) return [];
  const byLine = Map.groupBy(found, nameOf);
  const last = chosen.length < limit ? undefined : chosen.at(-1);
  const cut = reads.filter((read) => {
    const seen = keyed.has(read.queue) && isKeyed(read.rank) ? byLine.get(nameOf(read)) : undefined;
    const end = seen?.length === read.most ? [...seen].sort(inOrder).at(-1) : undefined;
    return end !== undefined && (last === undefined || inOrder(end, last) < 0);
  });
  return [...new Set(cut.map(({ queue }) => queue))];
}

/** Runs that were found twice, once. */
export function distinct<R extends Waiting>(waiting: readonly R[]): readonly R[] {
  return [...new Map(waiting.map((run) => [run.runId, run])).values()];
}

function nameOf({ queue, workflow, rank }: Line): string {
  return JSON.stringify([queue, workflow, rank]);
}

function roomsOf(loads: Loads, { worker, now }: Places): (queue: string) => QueueRoom {
  const rooms = new Map<string, QueueRoom>();
  return (queue) => {
    const room = rooms.get(queue) ?? new QueueRoom(loads.get(queue) ?? OPEN_LOAD, worker, now);
    rooms.set(queue, room);
    return room;
  };
}

/** Priority, then the time from which a run could have begun, then its id. */
function inOrder(a: Waiting, b: Waiting): number {
  return (
    (a.rank >> RANK_SHIFT) - (b.rank >> RANK_SHIFT) ||
    a.availableAt - b.availableAt ||
    (a.runId < b.runId ? -1 : a.runId > b.runId ? 1 : 0)
  );
}
