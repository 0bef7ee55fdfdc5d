import type { AlertChannel } from "../alerts/alert.ts";
import type { AlertSettings } from "../alerts/alert-options.ts";
import type { ClaimedDelivery, DeliveryEnd, NotificationStore } from "../alerts/notification-store.ts";
import { type Clock, within } from "../clock.ts";
import { SpineError, textOf } from "../errors.ts";
import type { Logger } from "../logger.ts";
import type { Registry } from "../registry.ts";

export interface OutboxOptions {
  readonly store: Pick<NotificationStore, "claim" | "end">;
  readonly channels: Registry<AlertChannel>;
  readonly settings: Pick<AlertSettings, "timeoutMs" | "maxAttempts">;
  readonly clock: Clock;
  readonly logger: Logger;
  /** A delivery has ended: there is room, and the next of its group may be due. */
  readonly ended: () => void;
}

/** Deliveries of one channel under way in this process: one that hangs keeps no other channel waiting. */
const AT_ONCE = 4;
/** What a lease lasts longer than an attempt may take: the end of it has to be recorded as well. */
const LEASE_SLACK_MS = 30_000;
const FIRST_PAUSE_MS = 2_000;
const LONGEST_PAUSE_MS = 30 * 60_000;
/** The longest that another side is waited for, whatever it asks. */
const LONGEST_ASKED_MS = 60 * 60_000;
const STOP_MS = 5_000;

/** Brings notifications to their channels, beside all runs: none of them waits for it. */
export class Outbox {
  readonly #options: OutboxOptions;
  readonly #underWay = new Map<string, number>();
  readonly #sending = new Set<Promise<void>>();
  readonly #stopping = new AbortController();

  constructor(options: OutboxOptions) {
    this.#options = options;
  }

  /** Takes what is due, and begins to send it. */
  async take(due: ReadonlyMap<string, number>, now: number): Promise<void> {
    const { store, channels, settings } = this.#options;
    for (const [name, at] of due) {
      const limit = this.#roomOf(name);
      if (at > now || limit <= 0 || !channels.has(name)) continue;
      const leaseMs = settings.timeoutMs + LEASE_SLACK_MS;
      for (const claimed of await store.claim(name, { limit, leaseMs })) {
        const sending = this.#deliver(claimed).finally(() => {
          this.#sending.delete(sending);
          this.#count(name, -1);
          this.#options.ended();
        });
        this.#count(name, 1);
        this.#sending.add(sending);
      }
    }
  }

  /** When something is due for this process; what is in somebody's hands or behind another is looked at now and then. */
  nextAt(due: ReadonlyMap<string, number>, now: number): number | null {
    const { channels } = this.#options;
    const times = [...due]
      .filter(([name, at]) => at > now && channels.has(name) && this.#roomOf(name) > 0)
      .map(([, at]) => at);
    return times.length === 0 ? null : Math.min(...times);
  }

  /** Gives what is under way a moment; what does not end then is another's once its lease is over. */
  async stop(): Promise<void> {
    if (this.#sending.size > 0) await within(STOP_MS, Promise.all(this.#sending));
    this.#stopping.abort();
  }

  #roomOf(channel: string): number {
    return AT_ONCE - (this.#underWay.get(channel) ?? 0);
  }

  #count(channel: string, by: number): void {
    this.#underWay.set(channel, (this.#underWay.get(channel) ?? 0) + by);
  }

  async #deliver(claimed: ClaimedDelivery): Promise<void> {
    const { store, logger } = this.#options;
    const { channel, deliveryId, attempt } = claimed;
    const end = await this.#attempt(claimed);
    if (end.status === "DEAD") {
      const message =
        "An alert could not be delivered, and is not tried again: spine.alerts.redeliver does so.";
      logger.error(message, { channel, deliveryId, attempts: attempt, error: end.error });
    } else if (end.status === "PENDING") {
      logger.warn("An alert could not be delivered yet.", { channel, deliveryId, attempt, error: end.error });
    }
    try {
      if (!this.#stopping.signal.aborted) await store.end(claimed, end);
    } catch (error) {
      const message = "It could not be recorded what became of an alert's delivery; it is tried again.";
      logger.warn(message, { channel, deliveryId, error: textOf(error) });
    }
  }

  async #attempt({ channel, notification, attempt }: ClaimedDelivery): Promise<DeliveryEnd> {
    const { channels, settings } = this.#options;
    try {
      await this.#inTime(channels.get(channel), (signal) =>
        channels.get(channel).send(notification, { signal, attempt }),
      );
      return { status: "SENT" };
    } catch (error) {
      const isFinal = SpineError.is(error) && !error.retryable;
      const text = textOf(error instanceof Error ? error.message : error);
      if (isFinal || attempt >= settings.maxAttempts) return { status: "DEAD", error: text };
      const asked = SpineError.is(error) ? Math.min(error.retryAfterMs ?? 0, LONGEST_ASKED_MS) : 0;
      return { status: "PENDING", retryInMs: Math.max(asked, pauseAfter(attempt)), error: text };
    }
  }

  /** A channel that does not listen to its signal is left behind. */
  async #inTime({ name }: AlertChannel, send: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const { clock, settings } = this.#options;
    const controller = new AbortController();
    const { promise: over, reject } = Promise.withResolvers<never>();
    const late = new SpineError(
      "SOURCE_TIMEOUT",
      `The alert channel "${name}" did not answer within ${settings.timeoutMs} ms.`,
    );
    const stopTimer = clock.after(settings.timeoutMs, () => {
      reject(late);
      controller.abort(late);
    });
    try {
      await Promise.race([send(controller.signal), over]);
    } finally {
      stopTimer();
    }
  }
}

/** Twice as long each time, up to half an hour, and never quite the same for two. */
function pauseAfter(attempt: number): number {
  const pause = Math.min(FIRST_PAUSE_MS * 2 ** Math.min(attempt - 1, 20), LONGEST_PAUSE_MS);
  return Math.round(pause * (0.75 + Math.random() * 0.25));
}
