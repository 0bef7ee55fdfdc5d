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
    write(`${JSON.stringify({ time: new Date().toISOString(), level: name, message, ...fields })}\n`);
  };
  return { debug: at("DEBUG"), info: at("INFO"), warn: at("WARN"), error: at("ERROR") };
}

/** A logger whose messages and fields are rewritten before they are logged. */
export function redactingLogger(logger: Logger, redact: (text: string) => string): Logger {
  const at = (level: keyof Logger) => (message: string, fields?: LogFields) => {
    logger[level](redact(message), fields && (JSON.parse(redact(JSON.stringify(fields))) as LogFields));
  };
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}

export const silentLogger: Logger = jsonLogger("SILENT");
