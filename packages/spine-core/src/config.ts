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
  const level = (env.SPINE_LOG_LEVEL ?? "INFO").toUpperCase();
  if (!LOG_LEVELS.includes(level as LogLevel)) {
    throw new SpineError(
      "CONFIG_INVALID",
      `SPINE_LOG_LEVEL is "${env.SPINE_LOG_LEVEL}"; use one of ${LOG_LEVELS.join(", ")}.`,
    );
  }
  const concurrency = Number(env.SPINE_CONCURRENCY ?? "10");
  if (!Number.isInteger(concurrency) || concurrency < 1) {
    throw new SpineError(
      "CONFIG_INVALID",
      `SPINE_CONCURRENCY is "${env.SPINE_CONCURRENCY}"; use a whole number from 1.`,
    );
  }
  return { logLevel: level as LogLevel, concurrency };
}
