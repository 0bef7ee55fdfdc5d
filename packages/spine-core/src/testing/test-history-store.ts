import { historyArrivalTests } from "./history-arrival-tests.ts";
import { historyAttachmentTests } from "./history-attachment-tests.ts";
import { historyChildTests } from "./history-child-tests.ts";
import { historyClaimTests } from "./history-claim-tests.ts";
import { historyCommitTests } from "./history-commit-tests.ts";
import { historyControlTests } from "./history-control-tests.ts";
import { historyCreateInTests } from "./history-create-in-tests.ts";
import { historyDebounceTests } from "./history-debounce-tests.ts";
import { historyListTests } from "./history-list-tests.ts";
import { historyPinnedTests } from "./history-pinned-tests.ts";
import { historyProgressTests } from "./history-progress-tests.ts";
import { historyReadTests } from "./history-read-tests.ts";
import { historyRerunTests } from "./history-rerun-tests.ts";
import { historySignalTests } from "./history-signal-tests.ts";
import { historyWaitTests } from "./history-wait-tests.ts";
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
    historyAttachmentTests(check);
    historyProgressTests(check);
    historyClaimTests(check);
    historyReadTests(check);
    historyCreateInTests(check);
    historyListTests(check);
    historyArrivalTests(check);
    historyWaitTests(check);
    historySignalTests(check);
    historyChildTests(check);
    historyControlTests(check);
    historyRerunTests(check);
    historyDebounceTests(check);
    historyPinnedTests(check);
  });
}
