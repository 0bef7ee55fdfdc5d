import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { browserBundle } from "../testing/browser-bundle.ts";

const KB = 1_000;

test("all components are no more than 25 kB on top of the hooks, their styles no more than 8 kB", async () => {
  const [all, hooks] = await Promise.all(
    ["everything.tsx", "hooks-only.tsx"].map((file) =>
      browserBundle(join(import.meta.dirname, "../testing/bundles", file)),
    ),
  );
  if (!all || !hooks) throw new Error("not built");
  const added = (all.size - hooks.size) / KB;
  const styles = gzipSync(readFileSync(join(import.meta.dirname, "styles.css")), { level: 9 }).length / KB;
  console.log(`components: ${added.toFixed(1)} kB gzip on top of the hooks, styles: ${styles.toFixed(1)} kB`);
  expect(added).toBeLessThanOrEqual(25);
  expect(styles).toBeLessThanOrEqual(8);
});
