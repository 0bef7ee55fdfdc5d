import { aDuration, checkOptions, required } from "../check-options.ts";
import { type Duration, toMs } from "../duration.ts";
import type { JsonValue } from "../json.ts";
import { valueText } from "./check-texts.ts";
import { type CheckOptions, defineCheck, failures, refuse } from "./define-check.ts";
import type { QualityCheck, QualityFinding } from "./quality-check.ts";

const TIME = /^\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:\d{2})?)?$/;
const HAS_ZONE = /(?:Z|[+-]\d{2}:\d{2})$/;

/**
 * The newest value of a column of ISO dates or timestamps is at most `maxAge` old by Spine's clock; older than `warnAge` it is a
 * WARN. A date is its midnight in UTC, and so is a timestamp without a zone. Nulls are left out; a value that is no time is a FAIL,
 * and so are rows of which none has one. Without rows it is SKIPPED.
 *
 * @throws SpineError CONFIG_INVALID for what is no duration.
 * @example freshness("week_ending", { maxAge: "14d", warnAge: "8d" })
 */
export function freshness<const K extends string>(
  column: K,
  limits: { readonly maxAge: Duration; readonly warnAge?: Duration },
  options: CheckOptions = {},
): QualityCheck<Readonly<Record<K, string | null | undefined>>> {
  const name = `freshness(${column})`;
  checkOptions(
    limits,
    { maxAge: required(aDuration), warnAge: aDuration },
    { of: name, code: "CONFIG_INVALID" },
  );
  const fail = toMs(limits.maxAge);
  const warn = limits.warnAge === undefined ? fail : toMs(limits.warnAge);
  if (warn > fail) refuse(`${name}: \`warnAge\` is not above \`maxAge\`.`);
  return defineCheck(name, "COMPLETENESS", options, "constant", (input) => {
    let newest = Number.NEGATIVE_INFINITY;
    let last = "";
    const bad = failures();
    return {
      add(row) {
        const value: unknown = row[column];
        // Mostly rows of one time follow each other.
        if (value === null || value === undefined || value === last) return;
        const ms = timeOf(value);
        if (Number.isNaN(ms)) bad.add(`${column} is no ISO date or timestamp: ${valueText(value)}`);
        else {
          last = value as string;
          if (ms > newest) newest = ms;
        }
      },
      finish(): QualityFinding {
        const { now, rows } = input;
        if (rows === 0) return { status: "SKIPPED", message: "there are no rows" };
        if (now === undefined) throw new Error("the time is not known");
        const age = now - newest;
        const isKnown = Number.isFinite(age);
        const fails = bad.count > 0 || !isKnown || age > fail;
        const status = fails ? "FAIL" : age > warn ? "WARN" : "PASS";
        const expected = `at most ${limits.warnAge !== undefined && status === "WARN" ? ageText(warn) : ageText(fail)} old`;
        const actual = isKnown ? new Date(newest).toISOString() : null;
        const found = isKnown
          ? `the newest is of ${actual}, ${ageText(Math.max(age, 0))} old`
          : "no row has a time";
        const others =
          bad.count === 0 ? "" : `; ${bad.count} ${bad.count === 1 ? "value is" : "values are"} no time`;
        return {
          status,
          message: `${found}, expected ${expected}${others}`,
          actual,
          expected,
          rowsFailed: bad.count,
          samples: bad.samples,
        };
      },
      save: () => ({ newest: Number.isFinite(newest) ? newest : null, bad: bad.save() }),
      restore(state) {
        const saved = state as { readonly newest: number | null; readonly bad: JsonValue };
        newest = saved.newest ?? Number.NEGATIVE_INFINITY;
        bad.restore(saved.bad);
      },
    };
  });
}

/** ms since the epoch; NaN for what is no time, and for a day that does not exist. */
function timeOf(value: unknown): number {
  if (typeof value !== "string" || !TIME.test(value)) return Number.NaN;
  const day = value.slice(0, 10);
  const midnight = Date.parse(`${day}T00:00:00Z`);
  // The 31st of February would quietly be the 3rd of March.
  if (Number.isNaN(midnight) || !new Date(midnight).toISOString().startsWith(day)) return Number.NaN;
  if (value.length === 10) return midnight;
  const text = value.replace(" ", "T");
  return Date.parse(HAS_ZONE.test(text) ? text : `${text}Z`);
}

function ageText(ms: number): string {
  const [size, unit] =
    ms >= 172_800_000 ? [86_400_000, "d"] : ms >= 7_200_000 ? [3_600_000, "h"] : [60_000, "min"];
  return `${Math.round((ms / Number(size)) * 10) / 10} ${unit}`;
}
