import axe from "axe-core";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";

/** The page in a browser, and what is wrong with it. */
export interface DesktopPage {
  readonly page: Page;
  /** Hosts that were asked beside the server of the page; none are to be. */
  readonly strangers: ReadonlySet<string>;
  /** What the console and the page itself said was wrong. */
  readonly errors: readonly string[];
  /** What axe finds. */
  violations(): Promise<readonly string[]>;
  close(): Promise<void>;
}

export async function openDesktop(
  browser: Browser,
  url: string,
  options: BrowserContextOptions = {},
): Promise<DesktopPage> {
  const context = await browser.newContext({
    viewport: { width: 1440, height: 1000 },
    reducedMotion: "reduce",
    // What the page's policy forbids is forbidden in tests as well; axe comes in beside it.
    bypassCSP: false,
    ...options,
  });
  const strangers = new Set<string>();
  const errors: string[] = [];
  context.on("request", (request) => {
    const { origin, protocol } = new URL(request.url());
    if (protocol.startsWith("http") && !url.startsWith(origin)) strangers.add(origin);
  });
  const page = await context.newPage();
  // As patient as a busy machine needs: what is waited for comes at once, or in a few seconds.
  page.setDefaultTimeout(45_000);
  page.on("pageerror", (error) => errors.push(String(error)));
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") errors.push(message.text());
  });
  await page.goto(url);
  return {
    page,
    strangers,
    errors,
    async violations() {
      await page.evaluate(axe.source);
      const found = await page.evaluate(async () => {
        const { violations } = await (globalThis as unknown as { readonly axe: typeof axe }).axe.run();
        return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`);
      });
      return found;
    },
    close: () => context.close(),
  };
}
