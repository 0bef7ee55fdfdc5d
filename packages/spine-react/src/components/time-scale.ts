import type { Segment } from "./timeline-rows.ts";

/** Places times on a track: percent of its width. */
export interface TimeScale {
  at(ms: number): number;
  /** Where marks stand, in seconds after the beginning; none where time is not to scale. */
  readonly marks: readonly number[];
  /** Where the time ends that has been; behind it stands what is still to come. */
  readonly end: number;
}

/** What is to come gets this part of the track. */
const TO_COME = 12;
/** Of the time in which something happens: a gap is drawn no longer. */
const LONGEST_GAP = 0.06;

/** What a scale is made of: the same plan draws the same. */
export interface ScalePlan {
  /** Stretches of time, with how much of the track each gets. */
  readonly pieces: readonly Piece[];
  readonly hasMore: boolean;
  readonly isTimed: boolean;
}
interface Piece {
  readonly from: number;
  readonly to: number;
  readonly size: number;
}
interface PlanOptions {
  readonly from: number;
  readonly to: number;
  /** True: some steps have not begun, and will. */
  readonly hasMore: boolean;
  /** True: as it was. False: time in which nothing works is drawn short. */
  readonly isTimed: boolean;
  readonly segments: readonly Segment[];
}

export function scalePlan({ from, to, hasMore, isTimed, segments }: PlanOptions): ScalePlan {
  const pieces = isTimed ? [{ from, to, size: Math.max(1, to - from) }] : piecesOf(from, to, segments);
  return { pieces, hasMore, isTimed };
}

export function timeScale({ pieces, hasMore, isTimed }: ScalePlan): TimeScale {
  const end = hasMore ? 100 - TO_COME : 100;
  const total = pieces.reduce((sum, { size }) => sum + size, 0);
  const at = (ms: number) => {
    let before = 0;
    for (const piece of pieces) {
      if (ms <= piece.to || piece === pieces.at(-1)) {
        const part = piece.to > piece.from ? (ms - piece.from) / (piece.to - piece.from) : 0;
        return round(((before + Math.max(0, Math.min(1, part)) * piece.size) / total) * end);
      }
      before += piece.size;
    }
    return 0;
  };
  const seconds = ((pieces.at(-1)?.to ?? 0) - (pieces[0]?.from ?? 0)) / 1_000;
  return { at, end, marks: isTimed ? marksOf(seconds) : [] };
}

/** Stretches in which something works, as long as they were, and gaps between them, cut short. */
function piecesOf(from: number, to: number, segments: readonly Segment[]): readonly Piece[] {
  const busy: { from: number; to: number }[] = [];
  const work = segments.filter(({ kind }) => kind === "work").sort((a, b) => a.from - b.from);
  for (const segment of work) {
    const [begin, end] = [Math.max(from, segment.from), Math.min(to, segment.to ?? to)];
    const last = busy.at(-1);
    if (last && begin <= last.to) last.to = Math.max(last.to, end);
    else if (end >= begin) busy.push({ from: begin, to: end });
  }
  const worked = busy.reduce((sum, piece) => sum + piece.to - piece.from, 0);
  const longest = Math.max(1, (worked || to - from) * LONGEST_GAP);
  const pieces: Piece[] = [];
  let known = from;
  const gap = (until: number) => {
    if (until > known) pieces.push({ from: known, to: until, size: Math.min(until - known, longest) });
  };
  for (const piece of busy) {
    gap(piece.from);
    pieces.push({ ...piece, size: Math.max(1, piece.to - piece.from) });
    known = piece.to;
  }
  gap(to);
  return pieces.length > 0 ? pieces : [{ from, to, size: 1 }];
}

const STEPS = [
  0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 14_400, 21_600, 43_200,
  86_400,
];

function marksOf(seconds: number): readonly number[] {
  const step = STEPS.find((each) => seconds / each <= 5) ?? Math.ceil(seconds / 5 / 86_400) * 86_400;
  return Array.from({ length: Math.floor(seconds / step) + 1 }, (_, index) => round(index * step));
}

/** The end of an axis that grows: it stays for a while, so that what stands on it needs not be drawn at each tick. */
export function roomyEnd(from: number, now: number): number {
  const seconds = Math.max(1, ((now - from) / 1_000) * 1.02);
  const size = 10 ** Math.floor(Math.log10(seconds));
  const steps = [1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10];
  return from + (steps.find((step) => step * size >= seconds) ?? 10) * size * 1_000;
}

function round(value: number): number {
  return Math.round(value * 1_000) / 1_000;
}
