import { type AlertChannel, type AlertNotification, defineWorkflow, SpineError } from "spine-core";
import { z } from "zod";

export const MINUTE = 60_000;
const Params = z.object({ ok: z.boolean().optional(), week: z.string().optional() });

/** A workflow that fails unless it is told not to. */
export function failingFlow(name: string, domain = "demo") {
  return defineWorkflow({
    name,
    domain,
    params: Params,
    partition: ({ params }): Readonly<Record<string, string>> =>
      params.week === undefined ? {} : { week: params.week },
  }).step("work", ({ params }) => {
    if (!params.ok) throw new SpineError("SOURCE_MALFORMED", "the file has <no> header\n@channel");
    return null;
  });
}

/** A channel that keeps what it is given, by pipeline, and does what is said of a pipeline first. */
export function recordingChannel(name: string, more: Partial<AlertChannel> = {}) {
  const got: AlertNotification[] = [];
  const attempts: AlertNotification[] = [];
  const behaviour = new Map<string, () => Promise<void>>();
  const channel: AlertChannel = {
    name,
    ...more,
    async send(notification) {
      attempts.push(notification);
      await behaviour.get(notification.labels.pipeline ?? "")?.();
      got.push(notification);
    },
  };
  const of = (all: readonly AlertNotification[]) => (pipeline: string) =>
    all.filter(({ labels }) => labels.pipeline === pipeline);
  return { channel, told: of(got), tried: of(attempts), got, behaviour };
}
