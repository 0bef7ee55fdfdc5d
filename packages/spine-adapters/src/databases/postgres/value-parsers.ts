import { decimal, decodeJson } from "spine-core";
import { exactJson } from "../../exact-json.ts";

/** How the driver reads a value of a type: from its text form. */
export interface ValueParsers {
  getTypeParser(oid: number, format?: string): (text: string) => unknown;
}

const BOOL = 16;
const BYTEA = 17;
const INT8 = 20;
const INT2 = 21;
const INT4 = 23;
const JSON_TYPE = 114;
const DATE = 1082;
const TIMESTAMP = 1114;
const TIMESTAMPTZ = 1184;
const FLOAT4 = 700;
const FLOAT8 = 701;
const NUMERIC = 1700;
const JSONB = 3802;

type Parse = (text: string) => unknown;

const identity: Parse = (text) => text;

const STATE: ReadonlyMap<number, Parse> = new Map<number, Parse>([
  [BOOL, (text) => text === "t"],
  [BYTEA, (text) => Buffer.from(text.slice(2), "hex")],
  [INT2, Number],
  [INT4, Number],
  [INT8, Number],
  [TIMESTAMPTZ, isoTimestamp],
]);

const USER: ReadonlyMap<number, Parse> = new Map<number, Parse>([
  [INT8, exactInteger],
  [NUMERIC, (text) => (/^-?\d/.test(text) ? decimal(text) : text)],
  [DATE, identity],
  [TIMESTAMP, identity],
  [TIMESTAMPTZ, isoTimestamp],
  [JSON_TYPE, decodeJson],
  [JSONB, decodeJson],
]);

const READER: ReadonlyMap<number, Parse> = new Map<number, Parse>([
  [BOOL, (text) => text === "t"],
  [BYTEA, (text) => Buffer.from(text.slice(2), "hex").toString("base64")],
  [INT2, Number],
  [INT4, Number],
  [FLOAT4, finite],
  [FLOAT8, finite],
  [TIMESTAMP, (text) => text.replace(" ", "T")],
  [TIMESTAMPTZ, isoTimestamp],
  [JSON_TYPE, exactJson],
  [JSONB, exactJson],
]);

/**
 * For sources: JSON that loses nothing. Whole numbers of 64 bits and decimals are the text that the server sends, so are
 * floats that are no numbers (`NaN`, `Infinity`), times are ISO text with all their digits, bytes are base64, JSON is itself,
 * and everything else is text.
 */
export const READER_VALUES: ValueParsers = { getTypeParser: (oid) => READER.get(oid) ?? identity };

/**
 * For Spine's own tables: JSON stays text, counters are numbers, times are ISO texts, as the SQLite tables
 * have them.
 */
export const STATE_VALUES: ValueParsers = { getTypeParser: (oid) => STATE.get(oid) ?? identity };

/**
 * For queries of users: what would lose digits as a number is text (decimals in shortest form) or BigInt;
 * dates are `YYYY-MM-DD`, times ISO texts in UTC, JSON is parsed. The rest is the driver's business.
 */
export function userValues(driver: ValueParsers): ValueParsers {
  return { getTypeParser: (oid, format) => USER.get(oid) ?? driver.getTypeParser(oid, format) };
}

function finite(text: string): number | string {
  const number = Number(text);
  return Number.isFinite(number) ? number : text;
}

function exactInteger(text: string): number | bigint {
  const number = Number(text);
  return Number.isSafeInteger(number) ? number : BigInt(text);
}

/** `2026-01-05 09:00:00.25+00` → `2026-01-05T09:00:00.250Z`; microseconds stay. */
function isoTimestamp(text: string): string {
  const match = /^(\d{4,}-\d\d-\d\d) (\d\d:\d\d:\d\d)(?:\.(\d+))?\+00$/.exec(text);
  if (!match) return text;
  return `${match[1]}T${match[2]}.${(match[3] ?? "").padEnd(3, "0")}Z`;
}
