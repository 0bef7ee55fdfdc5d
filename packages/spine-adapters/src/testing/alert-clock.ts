import { setImmediate } from "node:timers/promises";
import type { Database } from "spine-core";
import { overlay, TestClock } from "spine-core/testing";
import { expect, vi } from "vitest";

/**
 * A clock for tests of alerts. It moves in steps, and only while alerting is at rest: on a machine that has much to do, a lease would
 * be over while a message is on its way, and what is due in a minute be due before what is due now was done.
 */
export class AlertClock extends TestClock {
  #underWay = 0;

  /** The database, whose statements of alerting are waited for. */
  watched(database: Database): Database {
    return overlay(database, {
      connect: async (options) => {
        const stores = await database.connect(options);
        const { notifications, partitions } = stores;
        return { ...stores, notifications: this.#watch(notifications), partitions: this.#watch(partitions) };
      },
    });
  }

  /** Moves the time, between whose steps what is due is done, until something is true: it has to be by the end. */
  async pass(ms: number, until: () => boolean | Promise<boolean> = () => true): Promise<void> {
    const step = 15_000;
    for (let left = ms; left > 0; left -= step) {
      this.advance(Math.min(step, left));
      await this.#rest();
    }
    const look = async () => {
      // What was done may be followed by something that is due a little later.
      this.advance(100);
      await this.#rest();
      expect(await until()).toBe(true);
    };
    await vi.waitFor(look, { timeout: 20_000, interval: 1 });
  }

  #watch<T extends object>(store: T): T {
    return new Proxy(store, {
      get: (target, name) => {
        const own: unknown = Reflect.get(target, name, target);
        if (typeof own !== "function") return own;
        return async (...args: unknown[]) => {
          this.#underWay += 1;
          try {
            return (await Reflect.apply(own, target, args)) as unknown;
          } finally {
            this.#underWay -= 1;
          }
        };
      },
    });
  }

  /** A turn of the event loop is enough for what follows from a statement: the next one, or nothing. */
  async #rest(): Promise<void> {
    let quiet = 0;
    while (quiet < 2) {
      await setImmediate();
      quiet = this.#underWay === 0 ? quiet + 1 : 0;
    }
  }
}
