import { type TimeStyle, useDisplay } from "./display.ts";
import type { LabelKey } from "./labels.ts";
import { useNow } from "./now.ts";

/** A time: in UTC on the server, in the reader's zone once the page lives. */
export function Time({ at, as }: { readonly at: string; readonly as?: TimeStyle | undefined }) {
  const display = useDisplay();
  return (
    <time dateTime={at} title={display.isLocal && as !== "full" ? display.time(at) : undefined}>
      {display.time(at, as)}
    </time>
  );
}

/** A text of which a time is a part: `Since {time}`. */
export function TextWithTime({ label, at }: { readonly label: LabelKey; readonly at: string }) {
  const { text } = useDisplay();
  const [before, after] = text(label, { time: "\n" }).split("\n");
  return (
    <>
      {before}
      <Time at={at} as="short" />
      {after}
    </>
  );
}

/** How long something takes, or has taken so far; nothing before it is known. */
export function Elapsed({ from, to }: { readonly from: string | null; readonly to: string | null }) {
  const { duration } = useDisplay();
  const now = useNow(from !== null && to === null ? 1_000 : null);
  const end = to === null ? now : Date.parse(to);
  if (from === null || end === null) return <>–</>;
  const seconds = Math.max(0, end - Date.parse(from)) / 1_000;
  // What grows is told in whole seconds.
  return <>{duration(to === null && seconds >= 1 ? Math.floor(seconds) : seconds)}</>;
}
