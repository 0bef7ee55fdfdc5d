import type { Browser, Page } from "playwright-core";
import { createClient } from "spine-http/client";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { chromiumPath, launchChromium, withoutChromium } from "../../tools/chromium.ts";
import { type DesktopServer, startDesktop } from "./testing/desktop.ts";
import { type DesktopPage, openDesktop } from "./testing/desktop-page.ts";

const card = (page: Page) => page.locator(".spine-status-card");
const badge = (page: Page, status: string) => card(page).locator(`.spine-badge[data-status=${status}]`);
const toast = (page: Page, text: string | RegExp) => page.locator(".spine-toast").filter({ hasText: text });
const run = (page: Page) => page.getByRole("button", { name: "Run ingestion" });

describe.skipIf(chromiumPath === null)(`the trading desktop in Chromium${withoutChromium}`, () => {
  let server: DesktopServer;
  let browser: Browser;
  beforeAll(async () => {
    [server, browser] = await Promise.all([startDesktop(), launchChromium()]);
  }, 60_000);
  afterAll(async () => {
    await browser?.close();
    await server?.close();
  });

  /** A page that is held at its end against what holds for all. */
  const open = async (options: Parameters<typeof openDesktop>[2] = {}): Promise<DesktopPage> => {
    const desktop = await openDesktop(browser, server.url, options);
    onTestFinished(() => desktop.close());
    return desktop;
  };
  const isSound = async ({ errors, strangers, violations }: DesktopPage) => {
    expect(await violations()).toEqual([]);
    expect([...strangers]).toEqual([]);
    expect(errors).toEqual([]);
  };
  const disturb = async (page: Page, name: "Slow down" | "Refuse") => {
    await page.getByRole("button", { name }).click();
    await toast(page, "The next request").waitFor();
  };

  test("a week is ingested: its steps are seen while they run, a toast counts the records, the chart shows them", async () => {
    const desktop = await open();
    const { page } = desktop;
    await disturb(page, "Slow down");
    await run(page).click();
    await badge(page, "RUNNING").waitFor();
    await card(page).getByText("Live").waitFor();
    expect(await card(page).locator("li").allTextContents()).toHaveLength(5);
    await isSound(desktop);
    await toast(page, /Processed \d{3} records/).waitFor();
    await badge(page, "COMPLETED").waitFor();
    const chart = page.locator(".spine-chart");
    await expect.poll(() => chart.locator("g[data-kind=bar] rect").count()).toBe(12);
    await chart.getByText("Data table").click();
    expect(await chart.getByRole("row").count()).toBe(13);
    await page.getByText("no real trades").first().waitFor();
    await isSound(desktop);
    // What is shown stands in the address.
    await page.reload();
    await badge(page, "COMPLETED").waitFor();
    expect(await toast(page, "Processed").count()).toBe(0);
  });

  test("a run that fails says why, and its retry goes on where it was", async () => {
    const desktop = await open({ colorScheme: "dark" });
    const { page } = desktop;
    await page.getByRole("radio", { name: "T2" }).check();
    await disturb(page, "Refuse");
    await run(page).click();
    const failed = toast(page, "403");
    await failed.waitFor();
    await badge(page, "FAILED").waitFor();
    await card(page).locator(".spine-error").getByText("PERMISSION_DENIED").waitFor();
    await isSound(desktop);
    await failed.getByRole("button", { name: "Retry" }).click();
    await toast(page, /Processed .* records/).waitFor();
    await badge(page, "COMPLETED").waitFor();
    await isSound(desktop);
  });

  test("a week that is missing is chosen in the grid, and filled", async () => {
    const desktop = await open();
    const { page } = desktop;
    const grid = page.getByRole("table", { name: "Weeks" });
    const cell = (state: string) => grid.getByRole("button", { name: `tier OTCE, Jan 26, 2026, ${state}` });
    await cell("Missing").click();
    await page.getByRole("button", { name: "Backfill…" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByRole("radio", { name: "What is selected (1)" }).waitFor();
    await isSound(desktop);
    await dialog.getByRole("button", { name: "Start backfill" }).click();
    await badge(page, "COMPLETED").waitFor();
    await cell("Ready").waitFor();
    await isSound(desktop);
  });

  test("a server that is killed and comes back: the page says that it is stale, then goes on by itself", async () => {
    const { page } = await open();
    await page.getByRole("radio", { name: "OTCE" }).check();
    await disturb(page, "Slow down");
    await run(page).click();
    await badge(page, "RUNNING").waitFor();
    await server.kill();
    await page.getByText("The server does not answer").waitFor();
    await card(page).getByText("the last look failed").waitFor();
    // What was known stays.
    expect(await badge(page, "RUNNING").count()).toBe(1);
    await server.start();
    await toast(page, /Processed .* records/).waitFor();
    await badge(page, "COMPLETED").waitFor();
    await page.getByText("Connected").waitFor();
    expect(await card(page).getByText("the last look failed").count()).toBe(0);
  });

  test("a slow network: whoever clicks twice starts one run, and sees it", async () => {
    const desktop = await open();
    const { page } = desktop;
    const network = await page.context().newCDPSession(page);
    await network.send("Network.emulateNetworkConditions", {
      offline: false,
      latency: 400,
      downloadThroughput: 60_000,
      uploadThroughput: 30_000,
    });
    const began = Date.now();
    await page.reload();
    await page.getByText("Sample", { exact: true }).waitFor();
    console.log(`on a slow network (400 ms, 60 kB/s) the page stands after ${Date.now() - began} ms`);
    await page.getByRole("button", { name: "The week before" }).click();
    await run(page).dblclick();
    await toast(page, /Processed .* records/).waitFor();
    const client = createClient({ baseUrl: `${server.url}spine` });
    const { items } = await client.get("/history/runs", { query: { limit: 50 } });
    expect(items.filter(({ partition }) => partition?.week_start === "2026-02-23")).toHaveLength(1);
    await isSound(desktop);
  });

  test("an address that was cut off on its way names no run", async () => {
    const desktop = await open();
    await desktop.page.goto(`${server.url}#/runs/%E0%A4%A`);
    await desktop.page.reload();
    await run(desktop.page).waitFor();
    expect(await card(desktop.page).count()).toBe(0);
    await isSound(desktop);
  });

  test("on a phone, with the keyboard alone", async () => {
    const desktop = await open({ viewport: { width: 375, height: 812 }, colorScheme: "dark" });
    const { page } = desktop;
    await page.getByRole("radio", { name: "T1" }).focus();
    await page.keyboard.press("ArrowRight");
    expect(await page.getByRole("radio", { name: "T2" }).isChecked()).toBe(true);
    await page.getByRole("button", { name: "The week before" }).focus();
    await page.keyboard.press("Enter");
    await page.getByText("Friday 2026-02-27").waitFor();
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await toast(page, /Processed .* records/).waitFor();
    const slider = page.getByRole("slider");
    await slider.focus();
    const first = await slider.getAttribute("aria-valuetext");
    await page.keyboard.press("ArrowRight");
    await expect.poll(() => slider.getAttribute("aria-valuetext")).not.toBe(first);
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(375);
    await isSound(desktop);
  });
});
