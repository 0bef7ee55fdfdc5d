import { textOf } from "./errors.ts";
import type { Redaction } from "./redaction.ts";

export const LOG_LEVELS = ["DEBUG", "INFO", "WARN", "ERROR", "SILENT"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export type LogFields = Readonly<Record<string, unknown>>;

/** The four words that Spine logs with; pino, winston and console fit behind it in a few lines. */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

/** One JSON object a line, on standard error by default, so that standard output stays the program's. */
export function jsonLogger(
  level: LogLevel = "INFO",
  write: (line: string) => void = (line) => process.stderr.write(line),
): Logger {
  const from = LOG_LEVELS.indexOf(level);
  const at = (name: LogLevel) => (message: string, fields?: LogFields) => {
    if (LOG_LEVELS.indexOf(name) < from) return;
    const head = { time: new Date().toISOString(), level: name, message: messageText(message) };
    write(`${fieldsJson(head, fields)}\n`);
  };
  return { debug: at("DEBUG"), info: at("INFO"), warn: at("WARN"), error: at("ERROR") };
}

/** A logger whose messages and fields are redacted before they are logged. */
export function redactingLogger(logger: Logger, redaction: Redaction): Logger {
  const at = (level: keyof Logger) => (message: string, fields?: LogFields) => {
    const plain = fields && (JSON.parse(fieldsJson({}, fields)) as LogFields);
    logger[level](redaction.text(messageText(message)), plain && redaction.value(plain, "keys"));
  };
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}

/** Who logs an error instead of a text must not fail for it. */
function messageText(message: unknown): string {
  return typeof message === "string" ? message : textOf(message);
}

/** The fields as JSON after `head`. What JSON cannot hold is left out with a note: logging fails nobody's work. */
function fieldsJson(head: object, fields: LogFields | undefined): string {
  try {
    return JSON.stringify({ ...head, ...fields }, plainMember);
  } catch {
    return JSON.stringify({ ...head, note: "fields that JSON cannot hold were left out" });
  }
}

function plainMember(_key: string, value: unknown): unknown {
  if (typeof value === "bigint") return String(value);
  return value instanceof Error ? textOf(value) : value;
}

export const silentLogger: Logger = jsonLogger("SILENT");
