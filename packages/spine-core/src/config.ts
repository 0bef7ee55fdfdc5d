import { SpineError } from "./errors.ts";
import { LOG_LEVELS, type LogLevel } from "./logger.ts";

/** Settings that a host usually takes from its environment. The database's own are in spine-adapters. */
export interface Config {
  /** `SPINE_LOG_LEVEL`: DEBUG, INFO (default), WARN, ERROR or SILENT. */
  readonly logLevel: LogLevel;
  /** `SPINE_CONCURRENCY`: how many runs one process works on at a time; 10 when not set. */
  readonly concurrency: number;
}

export type Env = Readonly<Record<string, string | undefined>>;

/**
 * Reads Spine's settings from environment variables.
 *
 * @throws SpineError CONFIG_INVALID that names the variable.
 * @example
 * const config = configFromEnv();
 * const spine = await createSpine({ database: databaseFromEnv(), ...config });
 */
export function configFromEnv(env: Env = process.env): Config {
  const { SPINE_LOG_LEVEL: level, SPINE_CONCURRENCY: concurrency } = env;
  return {
    logLevel: checkLogLevel(level?.toUpperCase() ?? "INFO", `SPINE_LOG_LEVEL is "${level}"`),
    concurrency: checkConcurrency(Number(concurrency ?? "10"), `SPINE_CONCURRENCY is "${concurrency}"`),
  };
}

/**
 * The level, if it is one; CONFIG_INVALID that begins with `what` otherwise.
 *
 * @internal
 */
export function checkLogLevel(level: string, what: string): LogLevel {
  if (LOG_LEVELS.includes(level as LogLevel)) return level as LogLevel;
  throw new SpineError("CONFIG_INVALID", `${what}; use one of ${LOG_LEVELS.join(", ")}.`);
}

/**
 * The number of runs at a time, if it is one; CONFIG_INVALID that begins with `what` otherwise.
 *
 * @internal
 */
export function checkConcurrency(concurrency: number, what: string): number {
  if (Number.isSafeInteger(concurrency) && concurrency >= 1) return concurrency;
  throw new SpineError("CONFIG_INVALID", `${what}; use a whole number from 1.`);
}
