import { globSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { builtDesktop } from "./build.ts";

test("the page is built once, by whoever comes first, and has nothing of the server's in it", async () => {
  const [folder, same] = await Promise.all([builtDesktop(), builtDesktop()]);
  expect(same).toBe(folder);
  const { mtimeMs } = statSync(join(folder, "index.html"));
  expect(statSync(join(await builtDesktop(), "index.html")).mtimeMs).toBe(mtimeMs);
  const html = readFileSync(join(folder, "index.html"), "utf8");
  // Its policy lets in neither code nor styles that stand in the page itself.
  expect(html).not.toMatch(/<script>|<style|style=|https?:/);
  const scripts = globSync(join(folder, "assets/*.js")).map((file) => readFileSync(file, "utf8"));
  expect(/["'`]node:|kysely|\bzod\b|ValidationError/i.exec(scripts.join(""))?.[0]).toBeUndefined();
  const kB = scripts.reduce((sum, code) => sum + gzipSync(code).length, 0) / 1_000;
  console.log(`the page's code: ${kB.toFixed(0)} kB gzip, React and TanStack Query included`);
  expect(kB).toBeLessThan(130);
});
