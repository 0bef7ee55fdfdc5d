import type { AlertNotification, AlertSeverity, NotifiedAlert } from "spine-core";

/**
 * Anything that ends a line, commands a terminal or turns the direction of writing: in what is to be one line it is a space. (`\p{Cc}`
 * are the control characters.)
 */
const CONTROLS = /[\p{Cc}\u2028\u2029\u200b-\u200f\u202a-\u202e\u2066-\u2069]+/gu;

/** A text on one line, of so many characters at most. */
export function plainLine(text: string, longest: number): string {
  return shortened(text.toWellFormed().replace(CONTROLS, " ").trim(), longest);
}

/** A text of several lines, without what commands a terminal or turns the direction of writing. */
export function plainText(text: string, longest: number): string {
  const lines = text
    .split(/\r\n|[\n\r\u2028\u2029]/)
    .map((line) => line.toWellFormed().replace(CONTROLS, " "));
  return shortened(lines.join("\n").trim(), longest);
}

/** Cut at so many characters, never within one of two halves. */
export function shortened(text: string, longest: number): string {
  if (text.length <= longest) return text;
  return `${text.slice(0, longest - 1).replace(/[\ud800-\udbff]$/, "")}…`;
}

export const SEVERITY_SIGN: Readonly<Record<AlertSeverity, string>> = {
  INFO: "ℹ️",
  WARNING: "⚠️",
  ERROR: "🔴",
  CRITICAL: "🚨",
};

/** `FIRING · 2 alerts · raised 17 more times`: what people read first. */
export function summaryOf({ status, firing, resolved, suppressed }: AlertNotification): string {
  const parts = [
    status,
    ...(firing > 0 ? [`${firing} firing`] : []),
    ...(resolved > 0 ? [`${resolved} over`] : []),
    ...(suppressed > 0 ? [`raised ${suppressed} more times since the last message`] : []),
  ];
  return parts.join(" · ");
}

/** `[ERROR] title`, as one line. */
export function headlineOf({ status, severity, title }: AlertNotification, longest: number): string {
  const word = status === "FIRING" ? severity : status;
  return plainLine(`[${word}] ${title}`, longest);
}

/** The facts of an alert that people look for, as `name: text`. */
export function factsOf({
  source,
  runId,
  labels,
  raised,
  acknowledgedBy,
}: NotifiedAlert): readonly (readonly [string, string])[] {
  return [
    ...Object.entries(labels),
    ["source", source],
    ...(runId === null ? [] : [["run", runId] as const]),
    ...(raised > 1 ? [["raised", `${raised} times`] as const] : []),
    ...(acknowledgedBy === null ? [] : [["acknowledged by", acknowledgedBy] as const]),
  ];
}
