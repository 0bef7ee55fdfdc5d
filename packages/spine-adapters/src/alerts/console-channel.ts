import { type AlertChannel, aFunction, aText, checkOptions, type OptionKinds } from "spine-core";
import { shortened } from "./plain-text.ts";

export interface ConsoleChannelOptions {
  /** How routes call the channel; `console` when left out. */
  readonly name?: string;
  /** Takes each line, which ends with a newline; standard error when left out. */
  readonly write?: (line: string) => void;
}

const OPTIONS: OptionKinds<ConsoleChannelOptions> = { name: aText, write: aFunction };
/** Characters that JSON leaves as they are, and that end a line or command a terminal. */
const UNSAFE = /[\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;
const LONGEST_TEXT = 2_000;

/**
 * A channel that writes each notification as one line of JSON, whatever stands in it.
 *
 * @example
 * const spine = await createSpine({ database: memory(), alerts: { channels: [consoleChannel()] } });
 */
export function consoleChannel(options: ConsoleChannelOptions = {}): AlertChannel {
  checkOptions(options, OPTIONS, { of: "consoleChannel", code: "CONFIG_INVALID" });
  const { name = "console", write = (line: string) => void process.stderr.write(line) } = options;
  return Object.freeze<AlertChannel>({
    name,
    async send(
      { key, group, reason, status, severity, title, labels, alerts, firing, resolved, suppressed, at },
      { attempt },
    ) {
      const shown = alerts.map(({ title, message, severity, labels, runId, raised, status }) => ({
        title,
        message: shortened(message, LONGEST_TEXT),
        severity,
        status,
        labels,
        runId,
        raised,
      }));
      const said = {
        at,
        alert: title,
        severity,
        status,
        reason,
        labels,
        firing,
        resolved,
        suppressed,
        alerts: shown,
      };
      const json = JSON.stringify({ ...said, key, group, attempt });
      write(`${json.replace(UNSAFE, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`)}\n`);
    },
  });
}
