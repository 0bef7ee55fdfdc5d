import type { Browser, Page } from "playwright-core";
import { createClient } from "spine-http/client";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { chromiumPath, launchChromium, withoutChromium } from "../../tools/chromium.ts";
import { type DesktopServer, startDesktop } from "./testing/desktop.ts";
import { openDesktop } from "./testing/desktop-page.ts";

/** A status of the card, and when it was painted, in ms since 1970. */
interface Seen {
  readonly runId: string;
  readonly status: string;
  readonly at: number;
}

describe.skipIf(chromiumPath === null)(`how soon a change is on the screen${withoutChromium}`, () => {
  let server: DesktopServer;
  let browser: Browser;
  beforeAll(async () => {
    [server, browser] = await Promise.all([startDesktop(), launchChromium()]);
  }, 60_000);
  afterAll(async () => {
    await browser?.close();
    await server?.close();
  });

  // Far above what is promised (300 ms, 2.5 s): what is measured is printed, a busy machine fails nothing.
  test.each([
    { how: "told by events", events: true, runs: 5, most: 3_000 },
    { how: "asked every two seconds", events: false, runs: 3, most: 8_000 },
  ])("a run has ended: $how", async ({ how, events, runs, most }) => {
    const { page, close } = await openDesktop(browser, server.url);
    // As behind a proxy that lets no streams through.
    if (!events) await page.route("**/spine/events*", (route) => route.abort());
    await page.evaluate(watch);
    const client = createClient({ baseUrl: `${server.url}spine` });
    const delays: number[] = [];
    for (let n = 0; n < runs; n += 1) {
      await client.send("POST", "/desktop/disturb", {
        body: { by: "delay", ms: 600 + (n * (events ? 200 : 2_000)) / runs },
      });
      await page.getByRole("button", { name: "The week before" }).click();
      await page.getByRole("button", { name: "Run ingestion" }).click();
      const { runId, at } = await completed(page, n + 1);
      const { items } = await client.get("/history/runs/{id}/events", { params: { id: runId } });
      // The database's time inside the transaction: the commit comes after it.
      const ended = items.find(({ type }) => type === "run.completed");
      delays.push(at - Date.parse(ended?.at ?? ""));
    }
    const sorted = delays.toSorted((a, b) => a - b);
    console.log(
      `an end is on the screen (${how}): median ${sorted[sorted.length >> 1]} ms, at most ${sorted.at(-1)} ms`,
    );
    expect(sorted.at(-1)).toBeLessThan(most);
    await close();
  });
});

/** Waits for the n-th run that is shown as completed. */
async function completed(page: Page, count: number): Promise<Seen> {
  await page.waitForFunction(
    (n) =>
      (globalThis as unknown as { seen: Seen[] }).seen.filter(({ status }) => status === "COMPLETED")
        .length >= n,
    count,
  );
  const seen = await page.evaluate(() => (globalThis as unknown as { seen: Seen[] }).seen);
  return seen.filter(({ status }) => status === "COMPLETED")[count - 1] as Seen;
}

/** In the page: notes each status of the card with the time of the frame that has painted it. */
function watch(): void {
  const seen: Seen[] = [];
  let last = "";
  Object.assign(globalThis, { seen });
  const look = () => {
    const status =
      document.querySelector(".spine-status-card .spine-badge")?.getAttribute("data-status") ?? "";
    const runId = document.querySelector(".spine-status-card code")?.textContent ?? "";
    const now = `${runId} ${status}`;
    if (runId === "" || status === "" || now === last) return;
    last = now;
    // The frame after the next one: this one is on the screen by then.
    requestAnimationFrame(() => requestAnimationFrame(() => seen.push({ runId, status, at: Date.now() })));
  };
  new MutationObserver(look).observe(document.body, { subtree: true, childList: true, attributes: true });
  look();
}
