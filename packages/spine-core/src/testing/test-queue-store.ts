import { queueClaimTests } from "./queue-claim-tests.ts";
import { queueLimitTests } from "./queue-limit-tests.ts";
import { queueRateTests } from "./queue-rate-tests.ts";
import { queueSettingsTests } from "./queue-settings-tests.ts";
import { type DatabaseHarness, databaseSuite, type SuiteOptions } from "./suite.ts";

/**
 * The conformance suite of queues, and of the claims of the history store beside them: registers its tests with vitest.
 *
 * @example
 * testQueueStore("my database", { open: async (options) => openMine(options) });
 */
export function testQueueStore(name: string, harness: DatabaseHarness, options: SuiteOptions = {}): void {
  databaseSuite(`queue store: ${name}`, harness, options, (check) => {
    queueSettingsTests(check);
    queueClaimTests(check);
    queueLimitTests(check);
    queueRateTests(check);
  });
}
