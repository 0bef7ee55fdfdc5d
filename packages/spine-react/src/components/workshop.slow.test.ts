import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { extname, join } from "node:path";
import type { AxeResults } from "axe-core";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { build } from "vite";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { chromiumPath, launchChromium, withoutChromium } from "../../../../tools/chromium.ts";

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
};
const HOST = "http://workshop.test";
// What a careful host sends: nothing inline runs or styles.
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; form-action 'none'";

describe.skipIf(chromiumPath === null)(`the workshop in Chromium${withoutChromium}`, () => {
  const files = new Map<string, string | Uint8Array>();
  let browser: Browser;
  let axe: string;

  beforeAll(async () => {
    const configFile = join(import.meta.dirname, "testing/workshop/vite.config.ts");
    const [made, launched, source] = await Promise.all([
      build({ configFile, build: { write: false } }),
      launchChromium(),
      readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8"),
    ]);
    const { output } = made as unknown as {
      readonly output: readonly {
        readonly fileName: string;
        readonly code?: string;
        readonly source?: string;
      }[];
    };
    for (const { fileName, code, source } of output) files.set(`/${fileName}`, code ?? source ?? "");
    browser = launched;
    axe = source;
  }, 120_000);
  afterAll(() => browser?.close());

  /** A page that gets its files from here, and what it asked of others and complained of. */
  async function open(path: string, options: BrowserContextOptions) {
    const context = await browser.newContext({ reducedMotion: "reduce", ...options });
    const page = await context.newPage();
    const strangers: string[] = [];
    const complaints: string[] = [];
    page.on("console", (message) => {
      if (message.type() === "error" || message.type() === "warning") complaints.push(message.text());
    });
    page.on("pageerror", (error) => complaints.push(error.message));
    await context.route("**/*", async (route) => {
      const url = new URL(route.request().url());
      const body = url.origin === HOST ? files.get(url.pathname) : undefined;
      if (body === undefined) {
        strangers.push(url.href);
        return await route.abort();
      }
      const headers = {
        "content-type": TYPES[extname(url.pathname)] ?? "",
        "content-security-policy": POLICY,
      };
      await route.fulfill({ body: typeof body === "string" ? body : Buffer.from(body), headers });
    });
    await page.goto(`${HOST}${path}`);
    await page.waitForSelector("main > *");
    return { page, strangers, complaints, close: () => context.close() };
  }

  async function violations(page: Page): Promise<readonly string[]> {
    await page.evaluate(axe);
    const { violations } = (await page.evaluate(
      // Of the stories on this page many have the same name.
      'axe.run(document, { resultTypes: ["violations"], rules: { "landmark-unique": { enabled: false } } })',
    )) as AxeResults;
    return violations.flatMap(({ id, nodes }) =>
      nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary}`),
    );
  }

  const moving = (page: Page) =>
    page.evaluate(() => document.getAnimations().filter(({ playState }) => playState === "running").length);

  /** Where no colours are ours. */
  async function expectChosenIsSeen(page: Page): Promise<void> {
    const colours = await page
      .locator("#Parts-Choice .spine-segments span")
      .evaluateAll((all) => all.map((each) => getComputedStyle(each).color));
    expect(new Set(colours).size).toBe(2);
  }

  // One page for all that can be seen on it: it takes seconds to stand.
  test.each([
    ["light", 1440, {}],
    ["dark", 375, {}],
    ["light", 1440, { forcedColors: "active" }],
  ] as const)(
    "%s, %i px %o: axe finds nothing, contrast included, nothing moves, nothing is too wide, also from right to left",
    async (theme, width, more) => {
      const { page, strangers, complaints, close } = await open("/index.html", {
        viewport: { width, height: 900 },
        colorScheme: theme,
        ...more,
      });
      expect(await page.locator("article").count()).toBeGreaterThan(70);
      expect(await violations(page)).toEqual([]);
      // What is wide scrolls in itself.
      expect(await page.evaluate("document.documentElement.scrollWidth")).toBeLessThanOrEqual(width);
      // This reader wants nothing to move.
      expect(await moving(page)).toBe(0);
      if ("forcedColors" in more) await expectChosenIsSeen(page);
      await page.evaluate('document.documentElement.dir = "rtl"');
      expect(await page.evaluate("document.documentElement.scrollWidth")).toBeLessThanOrEqual(width);
      // What machines write is read from left to right all the same.
      const directions = await page
        .locator("main :is(code, pre)")
        .evaluateAll((all) => all.map((each) => getComputedStyle(each).direction));
      expect(new Set(directions)).toEqual(new Set(["ltr"]));
      expect(strangers).toEqual([]);
      expect(complaints).toEqual([]);
      await close();
    },
  );

  test("hostile texts stay texts", async () => {
    const { page, strangers, complaints, close } = await open("/xss.html", {
      viewport: { width: 1440, height: 900 },
    });
    // What lies behind a click is shown too.
    await page.evaluate(`
      for (const row of document.querySelectorAll(".spine-step-row")) row.click();
      for (const part of document.querySelectorAll("details")) part.open = true;
    `);
    const count = await page.getByText("executed()").count();
    expect(count).toBeGreaterThan(300);
    await page.evaluate("new Promise((done) => setTimeout(done, 200))");
    expect(await page.evaluate("window.executions")).toBe(0);
    expect(
      await page.evaluate(
        'document.querySelectorAll(`main :is(script, iframe, img, style, object, math, [onerror], [onload], [onfocus], a[href^="javascript"])`).length',
      ),
    ).toBe(0);
    expect(strangers).toEqual([]);
    expect(complaints).toEqual([]);
    // The page would notice one that runs.
    await page.evaluate("executed()");
    expect(await page.evaluate("window.executions")).toBe(1);
    await close();
  });

  test("500 steps: drawn at once, and a change is cheap", async () => {
    const { page, close } = await open("/long.html", { viewport: { width: 1200, height: 900 } });
    expect(await page.locator(".spine-step").count()).toBe(501);
    const drawn = (await page.evaluate("window.drawn")) as number;
    const changes: number[] = [];
    for (let index = 0; index < 9; index++) changes.push((await page.evaluate("window.change()")) as number);
    const change = changes.sort((a, b) => a - b)[4] ?? Number.NaN;
    console.log(
      `500 steps: drawn in ${drawn.toFixed(0)} ms, a change in ${change.toFixed(1)} ms (median of 9)`,
    );
    // A busy machine is several times slower; without care a change costs as much as drawing all.
    expect(drawn).toBeLessThan(5_000);
    expect(change).toBeLessThan(Math.max(16, drawn / 6));
    // By keyboard to the last one and back.
    await page.locator(".spine-step-row").first().focus();
    await page.keyboard.press("End");
    await page.keyboard.press("Enter");
    const last = page.locator(".spine-step").last();
    await last.locator(".spine-step-detail").waitFor();
    expect(await last.locator(".spine-step-row").evaluate((row) => row === document.activeElement)).toBe(
      true,
    );
    await close();
  });

  test("by keyboard: the chart's cursor, the grid's selection, a dialog's focus", async () => {
    const { page, close } = await open("/index.html", {
      viewport: { width: 1200, height: 900 },
      reducedMotion: "no-preference",
    });
    // That nothing moves is seen elsewhere; here it does.
    expect(await moving(page)).toBeGreaterThan(0);
    const chart = page.locator("#SeriesChart-BarsAndLine");
    await chart.locator("input[type=range]").focus();
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("ArrowRight");
    expect(await chart.locator("input[type=range]").getAttribute("aria-valuetext")).toMatch(
      /^2026-06-08, Shares /,
    );
    expect(await chart.locator(".spine-legend-point").textContent()).toBe("2026-06-08");

    const grid = page.locator("#PartitionGrid-Weeks");
    await grid.locator(".spine-cell[tabindex='0']").focus();
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Shift+ArrowLeft");
    await page.keyboard.press("Shift+ArrowLeft");
    expect(await grid.locator("[aria-pressed=true]").count()).toBe(3);

    const opener = page.locator("#Dialogs-Backfill").getByRole("button", { name: "Backfill" });
    await opener.focus();
    await page.keyboard.press("Enter");
    const dialog = page.getByRole("dialog");
    await dialog.waitFor();
    expect(await violations(page)).toEqual([]);
    for (let index = 0; index < 12; index++) {
      await page.keyboard.press("Tab");
      // The browser's own bar comes in between.
      expect(
        await page.evaluate(
          'document.activeElement === document.body || !!document.activeElement.closest("dialog")',
        ),
      ).toBe(true);
    }
    await page.keyboard.press("Escape");
    await dialog.waitFor({ state: "detached" });
    expect(await opener.evaluate((button) => button === document.activeElement)).toBe(true);
    await close();
  });
});
