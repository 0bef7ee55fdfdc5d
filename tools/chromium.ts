import { existsSync } from "node:fs";
import { type Browser, chromium } from "playwright-core";

/** Where Debian, Ubuntu and Alpine put it. */
const PLACES = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

const FLAGS = [
  // In containers tests run as root, where Chromium's sandbox does not.
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  // Nothing is to be asked of any host but by the page.
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** The path of a Chromium on this machine: `CHROMIUM_PATH`, or where a package puts it; null where there is none. */
export const chromiumPath: string | null =
  process.env.CHROMIUM_PATH ?? PLACES.find((path) => existsSync(path)) ?? null;

/** For titles of tests: why they are skipped, and how that can be helped. Empty where Chromium is there. */
export const withoutChromium: string =
  chromiumPath === null
    ? " (skipped: needs Chromium, e.g. `apt-get install chromium`, or CHROMIUM_PATH)"
    : "";

/** Starts the Chromium of this machine; nothing is downloaded. End it with `close`. */
export async function launchChromium(): Promise<Browser> {
  if (chromiumPath === null)
    throw new Error("There is no Chromium: `apt-get install chromium`, or CHROMIUM_PATH.");
  return await chromium.launch({ executablePath: chromiumPath, args: FLAGS });
}
