// @vitest-environment jsdom
// What is not data can be said in another language, all of it.

import { act, cleanup, render } from "@testing-library/react";
import { afterEach, expect, test, vi } from "vitest";
import { DisplayContext } from "./display-context.ts";
import { defaultLabels } from "./labels.ts";
import * as fixtures from "./testing/fixtures.ts";
import { stories } from "./testing/stories.ts";
import { toastStore } from "./toast-store.ts";

afterEach(() => {
  cleanup();
  toastStore.clear();
  vi.restoreAllMocks();
});

// All alike, as two columns of a table may be in some language; of a locale that writes times without letters.
const settings = {
  locale: "ja",
  timeZone: "UTC",
  labels: Object.fromEntries(Object.keys(defaultLabels).map((key) => [key, "§"])),
};
const ATTRIBUTES = ["aria-label", "aria-description", "aria-valuetext", "title", "placeholder", "alt"];
/** What stories say themselves, and what is made of the names of fields. */
const OF_STORIES =
  /^(Backfill|Rerun|Signal|Approval|review|legal\/sign-off|Weeks|[A-H]{3}|T1|T2|OTCE|Tier|Limit|Symbols|Source|Url|Api key|Note|Run again|AAPL\nBRK\.A|Refused|Is no URL\.|Any parameters|Nothing to say|Under way|prices_daily|StatusBadge|UNHEARD_OF|Only to read|Recent|.*(Tier \d|Shares|Trades|Volume|Gains|Losses|18,203 records).*)$/;

function dataOf(value: unknown, found: Set<string> = new Set()): ReadonlySet<string> {
  if (typeof value === "string") found.add(value);
  else if (value instanceof Error) found.add(value.message);
  if (typeof value === "object" && value !== null)
    for (const [name, each] of Object.entries(value)) dataOf(each, found.add(name));
  return found;
}
const data = [...dataOf({ ...fixtures })];

function textsOf(page: HTMLElement): readonly string[] {
  const texts: string[] = [];
  const walker = document.createTreeWalker(page, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) texts.push(walker.currentNode.nodeValue ?? "");
  for (const element of page.querySelectorAll("*"))
    for (const name of ATTRIBUTES) texts.push(element.getAttribute(name) ?? "");
  return texts;
}

test.each(stories)("$title $name says nothing but data and what is replaced", ({ title, story }) => {
  const errors = vi.spyOn(console, "error").mockImplementation(() => {});
  render(<DisplayContext.Provider value={settings}>{story.render()}</DisplayContext.Provider>);
  if (title === "Dialogs") act(() => document.querySelector("button")?.click());
  const own = textsOf(document.body).filter(
    (text) =>
      /[a-z]{3}/i.test(text) &&
      !OF_STORIES.test(text) &&
      !data.some((each) => each.includes(text) || (each.length > 3 && text.includes(each))),
  );
  expect(own).toEqual([]);
  expect(errors).not.toHaveBeenCalled();
});
