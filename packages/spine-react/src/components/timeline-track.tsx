import { toneOf } from "./icon.tsx";
import { useNow } from "./now.ts";
import type { TimeScale } from "./time-scale.ts";
import type { Segment } from "./timeline-rows.ts";

interface TrackProps {
  readonly segments: readonly Segment[];
  readonly scale: TimeScale;
  readonly isPending?: boolean;
}

/** The bars of a row; what they say stands in its text. */
export function Track({ segments, scale, isPending = false }: TrackProps) {
  const now = useNow(segments.some(({ to }) => to === null) ? 1_000 : null);
  return (
    <svg className="spine-track" aria-hidden="true">
      {segments.map(({ kind, from, to, status, attempt }) => {
        const end = scale.at(to ?? Math.max(from, now ?? from));
        return (
          <Mark
            key={`${kind}${attempt}${from}`}
            kind={kind}
            tone={toneOf(status)}
            from={scale.at(from)}
            to={end}
          />
        );
      })}
      {isPending && <Mark kind="pending" from={scale.end + 2} to={100} />}
    </svg>
  );
}

interface MarkProps {
  readonly kind: Segment["kind"] | "pending";
  readonly tone?: string | undefined;
  /** In percent of the track. */
  readonly from: number;
  readonly to: number;
}

/** Work is solid; waits are thin and broken, so that they differ without colour; what is to come is hollow. */
export function Mark({ kind, tone, from, to }: MarkProps) {
  const marked = { "data-kind": kind, "data-tone": tone };
  if (kind === "work" || kind === "pending")
    return (
      <rect
        {...marked}
        x={`${from}%`}
        width={`${Math.max(0.01, Math.round((to - from) * 1_000) / 1_000)}%`}
        y="1.5"
        height="7"
        rx="2"
      />
    );
  return <line {...marked} x1={`${from}%`} x2={`${to}%`} y1="5" y2="5" />;
}
