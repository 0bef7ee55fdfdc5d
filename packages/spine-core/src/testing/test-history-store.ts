import { historyClaimTests } from "./history-claim-tests.ts";
import { historyCommitTests } from "./history-commit-tests.ts";
import { historyCreateInTests } from "./history-create-in-tests.ts";
import { historyListTests } from "./history-list-tests.ts";
import { historyReadTests } from "./history-read-tests.ts";
import { type DatabaseHarness, databaseSuite, type SuiteOptions } from "./suite.ts";

/**
 * The conformance suite of history stores (and of the partition stores that go with them): registers its
 * tests with vitest.
 *
 * @example
 * testHistoryStore("my database", { open: async (options) => openMine(options) });
 */
export function testHistoryStore(name: string, harness: DatabaseHarness, options: SuiteOptions = {}): void {
  databaseSuite(`history store: ${name}`, harness, options, (check) => {
    historyCommitTests(check);
    historyClaimTests(check);
    historyReadTests(check);
    historyCreateInTests(check);
    historyListTests(check);
  });
}
