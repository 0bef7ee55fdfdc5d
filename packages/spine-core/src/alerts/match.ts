import { SpineError } from "../errors.ts";
import { ALERT_SEVERITIES, type AlertSeverity } from "./alert.ts";

/**
 * What one fact of an alert is to be: equal to a text, or as one of these says. There are no regular expressions: none of them could
 * make a process stand still.
 */
export type Matcher =
  | string
  | { readonly not: string | readonly string[] }
  | { readonly in: readonly string[] }
  | { readonly startsWith: string }
  | { readonly atLeast: AlertSeverity };

/**
 * Which alerts are meant: each named fact has to match. Facts are the labels, and `severity` and `source`; one that an alert does not
 * have is the empty text. `{}` means all.
 *
 * @example
 * const meant: AlertMatch = { severity: { atLeast: "ERROR" }, domain: { startsWith: "finra" }, category: { not: "DATA_QUALITY" } };
 */
export type AlertMatch = Readonly<Record<string, Matcher>>;

/** What is matched of an alert. */
export interface Matchable {
  readonly severity: AlertSeverity;
  readonly source: string;
  readonly labels: Readonly<Record<string, string>>;
}

export function matches(match: AlertMatch, alert: Matchable): boolean {
  for (const [fact, matcher] of Object.entries(match)) if (!fits(matcher, factOf(alert, fact))) return false;
  return true;
}

/** The text of a fact; a label of that name goes before it. */
export function factOf({ severity, source, labels }: Matchable, fact: string): string {
  if (Object.hasOwn(labels, fact)) return labels[fact] ?? "";
  return fact === "severity" ? severity : fact === "source" ? source : "";
}

function fits(matcher: Matcher, text: string): boolean {
  if (typeof matcher === "string") return matcher === text;
  if ("not" in matcher) return ![matcher.not].flat().includes(text);
  if ("in" in matcher) return matcher.in.includes(text);
  if ("startsWith" in matcher) return text.startsWith(matcher.startsWith);
  return rankOf(text as AlertSeverity) >= rankOf(matcher.atLeast);
}

/** From 0 for INFO. */
export function rankOf(severity: AlertSeverity): number {
  return ALERT_SEVERITIES.indexOf(severity);
}

/** Refuses what matches nothing because it means nothing. @throws SpineError CONFIG_INVALID (or `code`) that names the fact */
export function checkMatch(
  match: unknown,
  where: string,
  code: "CONFIG_INVALID" | "VALIDATION_FAILED" = "CONFIG_INVALID",
): void {
  const refuse = (why: string) => {
    throw new SpineError(code, `${where} ${why}.`);
  };
  if (typeof match !== "object" || match === null || Array.isArray(match))
    refuse('is no object of facts, e.g. { severity: { atLeast: "ERROR" }, domain: "finra" }');
  for (const [fact, matcher] of Object.entries(match as object)) {
    if (!isMatcher(fact, matcher)) {
      refuse(
        `has \`${fact.slice(0, 80)}\`, which is neither a text nor one of { not }, { in: [] }, { startsWith } or, for \`severity\`, { atLeast }`,
      );
    }
    if (fact === "severity") {
      const wrong = severitiesOf(matcher as Matcher).find((word) => rankOf(word as AlertSeverity) < 0);
      if (wrong !== undefined)
        refuse(`has the severity "${wrong.slice(0, 40)}"; there are ${ALERT_SEVERITIES.join(", ")}`);
    }
  }
}

function isMatcher(fact: string, matcher: unknown): boolean {
  if (typeof matcher === "string") return true;
  if (typeof matcher !== "object" || matcher === null || Object.keys(matcher).length !== 1) return false;
  const [[kind, value]] = Object.entries(matcher) as [[string, unknown]];
  const isText = typeof value === "string";
  const isTexts = Array.isArray(value) && value.every((one) => typeof one === "string");
  if (kind === "not") return isText || isTexts;
  if (kind === "in") return isTexts;
  if (kind === "startsWith") return isText && fact !== "severity";
  return kind === "atLeast" && isText && fact === "severity";
}

function severitiesOf(matcher: Matcher): readonly string[] {
  return [typeof matcher === "string" ? matcher : (Object.values(matcher)[0] as string | string[])].flat();
}
