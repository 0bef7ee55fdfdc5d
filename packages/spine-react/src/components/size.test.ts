import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { browserBundle } from "../testing/browser-bundle.ts";

const KB = 1_000;

test("all components are no more than 26 kB on top of the hooks, their styles no more than 8 kB", async () => {
  const [all, hooks] = await Promise.all(
    ["everything.tsx", "hooks-only.tsx"].map((file) =>
      browserBundle(join(import.meta.dirname, "../testing/bundles", file)),
    ),
  );
  if (!all || !hooks) throw new Error("not built");
  const added = (all.size - hooks.size) / KB;
  const styles = gzipSync(stylesheet(), { level: 9 }).length / KB;
  console.log(`components: ${added.toFixed(1)} kB gzip on top of the hooks, styles: ${styles.toFixed(1)} kB`);
  expect(added).toBeLessThanOrEqual(26);
  expect(styles).toBeLessThanOrEqual(8);
});

/** As it is published: the sheets in the place of their imports. */
function stylesheet(): string {
  const here = (path: string) => readFileSync(join(import.meta.dirname, path), "utf8");
  const imported = [...here("styles.css").matchAll(/^@import "\.\/styles\/(.+)" layer\(spine\);$/gm)].map(
    ([, name]) => name ?? "",
  );
  expect(imported.toSorted()).toEqual(readdirSync(join(import.meta.dirname, "styles")).toSorted());
  return imported.map((name) => here(`styles/${name}`)).join("\n");
}
