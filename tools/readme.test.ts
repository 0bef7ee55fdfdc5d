import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join, sep } from "node:path";
import { describe, expect, test } from "vitest";

const repository = join(import.meta.dirname, "..");
const pages = [
  ...globSync("*.md", { cwd: repository }),
  ...globSync("{docs,bench}/**/*.md", { cwd: repository, exclude: ["**/node_modules/**"] }),
  ...globSync("packages/*/README.md", { cwd: repository }),
];

/** `<!-- example: path -->` before a code block: the block is that file, which other tests compile and run. */
const EXAMPLE = /<!-- example: (?<path>\S+) -->\r?\n```\w+\r?\n(?<block>[\s\S]*?)```/g;

test("the README has an example", () => {
  expect([...read("README.md").matchAll(EXAMPLE)]).toHaveLength(1);
});

test("docs/README.md names every page of docs", () => {
  const contents = read("docs/README.md");
  const missing = globSync("docs/**/*.md", { cwd: repository })
    .map((path) => path.split(sep).slice(1).join("/"))
    .filter((path) => path !== "README.md" && !contents.includes(`](${path})`));
  expect(missing).toEqual([]);
});

// What is published with a package is read without the repository: none of its code may be code that nobody compiles.
test.each(pages.filter((page) => page.startsWith("packages")))("%s has no example without a file", (page) => {
  const blocks = [...read(page).matchAll(/^```(?:ts|js|tsx)\b/gm)];
  expect(blocks, `Put the code into examples/, and its mark before the block.`).toHaveLength(
    [...read(page).matchAll(EXAMPLE)].length,
  );
});

describe.each(pages)("%s", (page) => {
  test("shows its examples as they are in their files", () => {
    for (const { groups } of read(page).matchAll(EXAMPLE)) {
      const { path = "", block } = groups ?? {};
      expect(block, `Copy ${path} into the block after its mark in ${page}.`).toBe(read(path));
    }
  });

  test("links to files that are there", () => {
    const links = [...read(page).matchAll(/\]\((?!\w+:|#)(?<path>[^)#\s]+)[^)]*\)/g)];
    const broken = links
      .map(({ groups }) => groups?.path ?? "")
      .filter((path) => !existsSync(join(repository, dirname(page), path)));
    expect(broken).toEqual([]);
  });
});

function read(path: string): string {
  return readFileSync(join(repository, path), "utf8");
}
