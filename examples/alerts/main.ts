import { consoleChannel } from "spine-adapters/alerts";
import { memory } from "spine-adapters/databases";
import { type AlertChannel, createSpine, defineWorkflow, failureSeverity, silentLogger } from "spine-core";
import { z } from "zod";

const ingest = defineWorkflow({
  name: "demo.ingest",
  domain: "demo",
  params: z.object({ week: z.string(), broken: z.boolean() }),
  partition: ({ params }) => ({ week: params.week }),
}).step("fetch", ({ params }) => {
  if (params.broken) throw new Error("the vendor sends nothing");
  return null;
});

// Any service is a channel in a few lines; Slack, email, PagerDuty and others are in spine-adapters/alerts.
const told: string[] = [];
const pager: AlertChannel = {
  name: "pager",
  async send({ reason, severity, title, alerts, suppressed }) {
    const weeks = alerts.map(({ labels, status }) => `${labels.partition} ${status}`).join(", ");
    told.push(`${reason} ${severity} "${title}" (${weeks}) +${suppressed}`);
  },
};

await using spine = await createSpine({
  database: memory(),
  workflows: [ingest],
  logger: silentLogger,
  alerts: {
    channels: [pager, consoleChannel({ write: () => {} })],
    routes: [
      { match: { severity: { atLeast: "ERROR" }, domain: "demo" }, channels: ["pager"], continue: true },
      { channels: ["console"] },
    ],
    onFailure: (failure) => (failure.workflow === "demo.scratch" ? null : failureSeverity(failure)),
    // In life these are 30 s, 5 m and 4 h when left out.
    groupWait: "1s",
    groupInterval: "1s",
  },
});

// Three runs of two weeks fail: one message.
for (const week of ["2026-01-05", "2026-01-05", "2026-01-12"]) {
  const run = await spine.run(ingest, { week, broken: true });
  await run.result().catch(() => {});
}
await until(() => told.length === 1);

// Somebody takes one of them on: it is not repeated. The next success of each week ends the alert of that week.
const [group] = await spine.alerts.groups();
const [first] = group?.alerts ?? [];
if (first) await spine.alerts.acknowledge(first.fingerprint, { by: "ann", note: "called the vendor" });
for (const week of ["2026-01-05", "2026-01-12"]) await spine.run(ingest, { week, broken: false });
await until(() => told.length === 2);

// Nobody is told of the vendor for two hours.
const silence = await spine.alerts.silence({
  match: { vendor: "acme" },
  until: "2h",
  by: "ann",
  why: "they move house",
});
await spine.alerts.raise({ severity: "ERROR", title: "The vendor is slow", labels: { vendor: "acme" } });
await spine.alerts.unsilence(silence.silenceId);

const sent = await spine.alerts.deliveries({ channel: "pager", status: "SENT" });
console.log(
  told,
  sent.map(({ reason, attempts }) => `${reason} ${attempts}`),
);

async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await new Promise((resolve) => setTimeout(resolve, 20));
}
