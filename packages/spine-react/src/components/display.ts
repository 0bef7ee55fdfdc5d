import { useContext, useSyncExternalStore } from "react";
import { DisplayContext, type DisplaySettings } from "./display-context.ts";
import { entryOf } from "./entry-of.ts";
import { defaultLabels, type LabelKey } from "./labels.ts";

export type Values = Readonly<Record<string, string | number>>;
type Counted<K> = K extends `${infer Name}_other` ? Name : never;

/** Writes texts, numbers, durations and times. */
export interface Display {
  /** False on the server and until the first render of a browser is done: both write the same then. */
  readonly isLocal: boolean;
  text(key: LabelKey, values?: Values): string;
  /** A text with a number in it: `rows` for `rows_one` and `rows_other`. */
  count(key: Counted<LabelKey>, count: number): string;
  /** The text of a status; the status itself where there is none. */
  status(status: string): string;
  number(value: number): string;
  compact(value: number): string;
  /** Seconds as `1 h 2 min`, `3.4 s`, `120 ms`. */
  duration(seconds: number): string;
  time(iso: string, style?: TimeStyle): string;
}
export type TimeStyle = "full" | "short" | "date" | "clock";

const never = () => () => {};
/** True once a browser has rendered what the server sent. */
function useMounted(): boolean {
  return useSyncExternalStore(
    never,
    () => true,
    () => false,
  );
}

/** By settings, for the server and for a browser: rows of a long list share one. */
const displays = new WeakMap<DisplaySettings, Map<boolean, Display>>();

export function useDisplay(): Display {
  const settings = useContext(DisplayContext);
  const isLocal = useMounted();
  const both = entryOf(displays, settings, () => new Map<boolean, Display>());
  return entryOf(both, isLocal, () => displayOf(settings, isLocal));
}

const TIMES: Readonly<Record<TimeStyle, Intl.DateTimeFormatOptions>> = {
  full: { dateStyle: "medium", timeStyle: "medium" },
  short: { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" },
  date: { dateStyle: "medium" },
  clock: { timeStyle: "medium" },
};

function displayOf({ locale, timeZone, labels }: DisplaySettings, isLocal: boolean): Display {
  const texts: Readonly<Record<string, string | undefined>> = { ...defaultLabels, ...labels };
  // Texts that are not replaced are English, whatever the locale of numbers is.
  const plural = new Intl.PluralRules(labels && Object.keys(labels).length > 0 ? locale : "en");
  const formats = new Map<string, Intl.DateTimeFormat>();
  const decimal = isLocal ? new Intl.NumberFormat(locale) : null;
  const short = isLocal
    ? new Intl.NumberFormat(locale, { notation: "compact", maximumFractionDigits: 1 })
    : null;
  const fill = (template: string, values: Values = {}) =>
    template.replace(/\{(\w+)\}/g, (same, name: string) => String(values[name] ?? same));
  const number = (value: number) => decimal?.format(value) ?? String(value);
  const unit = (name: string) => texts[`${name}_unit`];
  return {
    isLocal,
    text: (key, values) => fill(texts[key] ?? key, values),
    count: (key, count) =>
      fill(texts[`${key}_${plural.select(count)}`] ?? texts[`${key}_other`] ?? key, {
        count: number(count),
      }),
    status: (status) => texts[`status_${status}`] ?? status,
    number,
    compact: (value) => short?.format(value) ?? compactOf(value),
    duration(seconds) {
      if (seconds < 1) return `${Math.round(seconds * 1_000)} ${unit("millisecond")}`;
      const tenths = Math.round(seconds * 10) / 10;
      if (tenths < 10) return `${number(tenths)} ${unit("second")}`;
      const whole = Math.round(seconds);
      const parts: [number, string | undefined][] = [
        [Math.floor(whole / 86_400), unit("day")],
        [Math.floor(whole / 3_600) % 24, unit("hour")],
        [Math.floor(whole / 60) % 60, unit("minute")],
        [whole % 60, unit("second")],
      ];
      const first = parts.findIndex(([count]) => count > 0);
      return parts
        .slice(first, first + 2)
        .filter(([count]) => count > 0)
        .map(([count, name]) => `${count} ${name}`)
        .join(" ");
    },
    time(iso, style = "full") {
      const date = new Date(iso);
      if (Number.isNaN(date.getTime())) return iso;
      // Node and browsers write the same locale in different ways: what no locale is in cannot differ.
      if (!isLocal) return utcOf(date, style);
      const make = () => new Intl.DateTimeFormat(locale, { ...TIMES[style], timeZone });
      return entryOf(formats, style, make).format(date);
    },
  };
}

function utcOf(date: Date, style: TimeStyle): string {
  const [day, clock = ""] = date.toISOString().split("T");
  if (style === "date") return day ?? "";
  if (style === "clock") return `${clock.slice(0, 8)} UTC`;
  return `${day} ${clock.slice(0, style === "short" ? 5 : 8)} UTC`;
}

function compactOf(value: number): string {
  const size = Math.abs(value);
  for (const [from, letter] of [
    [1e9, "B"],
    [1e6, "M"],
    [1e3, "K"],
  ] as const)
    if (size >= from) return `${Math.round((value / from) * 10) / 10}${letter}`;
  return String(Math.round(value * 10) / 10);
}
