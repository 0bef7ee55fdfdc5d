import type { AlertSettings } from "../alerts/alert-options.ts";
import type { AlertsDue, CompletionQuery, NotificationStore } from "../alerts/notification-store.ts";
import { type Clock, within } from "../clock.ts";
import type { RunChanged } from "../events.ts";
import type { Logger } from "../logger.ts";
import { WorkLoop } from "../runner/work-loop.ts";
import type { Outbox } from "./deliver.ts";
import type { Expectations, Found } from "./expectations.ts";
import { awaitedRuns, lookAtGroups } from "./look-at-groups.ts";

export interface AlertLoopOptions {
  readonly store: NotificationStore;
  readonly settings: AlertSettings;
  readonly outbox: Outbox;
  readonly expectations: Expectations;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The longest between two looks: what other processes raise, and what was lost, is found by then. One statement each. */
const POLL_MS = 5_000;
/** The least between two looks for runs that end alerts, and that take in what was raised: a storm of failures is taken in by the second. */
const LOOK_MS = 1_000;
/** Somebody else looks at the groups right now; what he leaves is taken soon. */
const BUSY_MS = 1_000;
const STOP_MS = 5_000;
const KEEP_MS = 30 * 86_400_000;
/** What is due for so long and that nobody takes is given up: its channel was removed. */
const ABANDON_MS = 86_400_000;
const PRUNE_EVERY_MS = 3_600_000;
const NOTHING: Found = { missing: [], late: [] };

/**
 * What becomes of alerts in this process: it looks when something has failed here, when something is due, and every five seconds.
 * Any number of processes do so; whoever is at the groups does what there is to do, and a process that dies is missed by nobody.
 */
export class AlertLoop {
  readonly #options: AlertLoopOptions;
  readonly #loop: WorkLoop;
  #lookedAt = Number.NEGATIVE_INFINITY;
  #prunedAt: number;
  /** Runs of these workflows end alerts: those that were seen when it was looked last. */
  #awaited: ReadonlySet<string> = new Set();

  constructor(options: AlertLoopOptions) {
    const { clock, logger } = options;
    this.#options = options;
    this.#prunedAt = clock.now();
    this.#loop = new WorkLoop({ take: () => this.#take(), pollMs: () => POLL_MS, clock, logger });
  }

  start(): void {
    this.#loop.start();
  }

  async stop(): Promise<void> {
    // A look that waits for a database that is away keeps nobody from stopping: its transaction ends with the connection.
    await within(STOP_MS, this.#loop.stop());
    await this.#options.outbox.stop();
  }

  /** There may be something to do: an alert was raised or acknowledged, a silence has ended, a delivery is over. */
  wake(): void {
    this.#loop.wake();
  }

  /** A run has changed here. Only what raises or ends an alert is worth a look. */
  runChanged({ status, workflow }: Pick<RunChanged, "status" | "workflow">): void {
    if (status === "FAILED" || (status === "COMPLETED" && this.#awaited.has(workflow))) this.wake();
  }

  async #take(): Promise<{ readonly more: boolean; readonly nextAt: number | null }> {
    const { store, outbox, expectations, clock } = this.#options;
    const before = clock.now();
    const due = await store.due();
    const isExpected = (expectations.nextAt ?? Number.POSITIVE_INFINITY) <= due.now;
    const expected = isExpected ? await expectations.look(due.now) : NOTHING;
    const isDue = isExpected || (due.groupsAt !== null && due.groupsAt <= due.now);
    let nextLook: number | null = null;
    let now = due;
    let askedAt = before;
    let more = false;
    if (isDue || due.raised || due.groups > 0) {
      if (!isDue && before - this.#lookedAt < LOOK_MS) nextLook = this.#lookedAt + LOOK_MS;
      else {
        this.#lookedAt = before;
        const looked = await this.#look(due, expected);
        more = looked === "more";
        if (looked === "busy") nextLook = before + BUSY_MS;
        else if (looked !== "nothing") {
          askedAt = clock.now();
          now = await store.due();
          // What has become due since the look is looked at now, and not when the next poll is.
          if (now.groupsAt !== null && now.groupsAt <= now.now) more = true;
        }
      }
    }
    await outbox.take(now.deliveries, now.now);
    await this.#prune(before, now.now);
    // Times of the database, as distances from its now.
    const later = [now.groupsAt, outbox.nextAt(now.deliveries, now.now), expectations.nextAt]
      .filter((at) => at !== null && at > now.now)
      .map((at) => Number(at) - now.now + askedAt);
    const times = [...later, nextLook].filter((at) => at !== null);
    return { more, nextAt: times.length === 0 ? null : Math.min(...times) };
  }

  async #look(due: AlertsDue, expected: Found): Promise<"more" | "done" | "busy" | "nothing"> {
    const { store, settings, expectations } = this.#options;
    const queries = due.groups > 0 ? awaitedRuns(await store.groups()) : [];
    this.#await(queries);
    const found = await store.completions(queries);
    const completed = queries.flatMap((query, index) => {
      const at = found[index] ?? null;
      return at !== null && at > query.since ? [{ query, at }] : [];
    });
    const isDue = due.groupsAt !== null && due.groupsAt <= due.now;
    const isAnything = due.raised || isDue || completed.length + expected.missing.length > 0;
    if (!isAnything && (expected.late.length === 0 || due.groups === 0)) return "nothing";
    const more = await store.transaction((transaction) =>
      lookAtGroups(transaction, settings, { completed, ...expected }),
    );
    if (more === null) return "busy";
    expectations.raised(expected.missing);
    // Runs that complete from now on may end what was taken in.
    this.#await(awaitedRuns(await store.groups()));
    return more ? "more" : "done";
  }

  #await(runs: readonly CompletionQuery[]): void {
    this.#awaited = new Set(runs.map(({ workflow }) => workflow));
  }

  /** @param now of the database: what is old is old by its clock. */
  async #prune(here: number, now: number): Promise<void> {
    if (here - this.#prunedAt < PRUNE_EVERY_MS) return;
    const { store, logger } = this.#options;
    this.#prunedAt = here;
    const abandoned = await store.abandon(now - ABANDON_MS);
    if (abandoned > 0) {
      const message =
        "Alerts could not be delivered: no process took them for a day, because none has their channel.";
      logger.error(message, { deliveries: abandoned });
    }
    await store.prune(now - KEEP_MS);
  }
}
