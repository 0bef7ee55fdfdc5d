// Takes the pictures of docs/images: `npx node --conditions=spine-source examples/trading-desktop/testing/screenshots.ts`.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { createClient } from "spine-http/client";
import { launchChromium } from "../../../tools/chromium.ts";
import { startDesktop } from "./desktop.ts";
import { openDesktop } from "./desktop-page.ts";

const folder = join(import.meta.dirname, "../../../docs/images");
mkdirSync(folder, { recursive: true });
const server = await startDesktop(null);
const browser = await launchChromium();
const client = createClient({ baseUrl: `${server.url}spine` });

const run = (page: Page) => page.getByRole("button", { name: "Run ingestion" });
const isDone = (page: Page) => page.getByText(/Processed .* records/).waitFor();
const disturb = (by: "delay" | "refusal") => client.send("POST", "/desktop/disturb", { body: { by } });

/** One picture of the page, after something was done with it. */
async function take(
  name: string,
  size: readonly [width: number, height: number],
  colorScheme: "light" | "dark",
  act: (page: Page) => Promise<unknown>,
): Promise<void> {
  const [width, height] = size;
  const { page, errors, close } = await openDesktop(browser, server.url, {
    viewport: { width, height },
    colorScheme,
  });
  await page.waitForLoadState("networkidle");
  await act(page);
  await page.waitForTimeout(500);
  await page.screenshot({ path: join(folder, `trading-desktop-${name}.png`) });
  for (const error of errors) process.stderr.write(`${name}: ${error}\n`);
  await close();
}

try {
  for (const [index, weeks] of [12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1].entries()) {
    const day = new Date(Date.parse("2026-03-06") - weeks * 7 * 86_400_000).toISOString().slice(0, 10);
    await client.send("POST", "/pipelines/run/{name}", {
      params: { name: "finra.otc_transparency.ingest_week" },
      body: { params: { tier: index % 5 === 4 ? "T2" : "T1", week_ending: day } },
      headers: { prefer: "wait=30" },
    });
  }
  await take("1440-light", [1440, 1180], "light", async (page) => {
    await run(page).click();
    await isDone(page);
  });
  await take("1440-dark", [1440, 1180], "dark", async (page) => {
    await page.getByRole("radio", { name: "Weeks" }).check();
    await disturb("refusal");
    await run(page).click();
    await page.getByRole("button", { name: "Retry" }).first().waitFor();
  });
  await take("375-light", [375, 1100], "light", async (page) => {
    await disturb("delay");
    await run(page).click();
    await page.getByText("Live").waitFor();
    await page.waitForTimeout(1_500);
  });
  await take("375-dark", [375, 1100], "dark", async (page) => {
    await run(page).click();
    await isDone(page);
    await page.locator(".spine-chart").scrollIntoViewIfNeeded();
  });
} finally {
  await browser.close();
  await server.close();
}
