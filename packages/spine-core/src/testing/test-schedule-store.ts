import { scheduleLookTests } from "./schedule-look-tests.ts";
import { scheduleSettleTests } from "./schedule-settle-tests.ts";
import { type DatabaseHarness, databaseSuite, type SuiteOptions } from "./suite.ts";

/**
 * The conformance suite of schedules and their ticks: registers its tests with vitest.
 *
 * @example
 * testScheduleStore("my database", { open: async (options) => openMine(options) });
 */
export function testScheduleStore(name: string, harness: DatabaseHarness, options: SuiteOptions = {}): void {
  databaseSuite(`schedule store: ${name}`, harness, options, (check) => {
    scheduleLookTests(check);
    scheduleSettleTests(check);
  });
}
