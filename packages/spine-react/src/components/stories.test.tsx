// @vitest-environment jsdom
import { act, cleanup, render } from "@testing-library/react";
import axe from "axe-core";
import { hydrateRoot } from "react-dom/client";
import { renderToString } from "react-dom/server";
import { afterEach, expect, test, vi } from "vitest";
import { stories } from "./testing/stories.ts";
import { toastStore } from "./toast-store.ts";

afterEach(() => {
  cleanup();
  toastStore.clear();
  document.body.replaceChildren();
  vi.restoreAllMocks();
});

const RULES: axe.RunOptions = {
  resultTypes: ["violations"],
  // What needs a layout is looked at in Chromium.
  rules: { "color-contrast": { enabled: false }, "page-has-heading-one": { enabled: false } },
};

test("every component has its states as stories", () => {
  const titles = new Set(stories.map(({ title }) => title));
  expect(titles).toEqual(
    new Set(
      "AlertsPanel Dialogs LaunchForm Parts PartitionGrid PipelineStatusCard QualityPanel QuarantineTable RunActions RunEventLog RunsTable ScheduleManager SeriesChart StepTimeline Toaster".split(
        " ",
      ),
    ),
  );
  for (const title of titles) {
    if (/^(Dialogs|Parts|RunActions|Toaster)$/.test(title)) continue;
    const names = stories.filter((each) => each.title === title).map(({ name }) => name);
    expect(names, title).toEqual(expect.arrayContaining(["Loading", "Failing"]));
    if (title !== "LaunchForm") expect(names, title).toContain("Stale");
    expect(
      names.some((name) => /^(Empty|Quiet|NoParameters)$/.test(name)),
      title,
    ).toBe(true);
  }
});

const STATES: Readonly<Record<string, RegExp>> = {
  Loading: /Loading…/,
  Failing: /unavailable|There is no/,
  Stale: /the last look failed/,
};

test.each(stories.filter(({ name }) => name in STATES))("$title $name: says so", ({ name, story }) => {
  const { container } = render(story.render());
  expect(container.textContent).toMatch(STATES[name] as RegExp);
  if (name === "Failing") expect(container.querySelector("[role=alert]")?.textContent ?? "").not.toBe("");
  // What was known stays.
  if (name === "Stale") expect(container.querySelector("[role=alert], .spine-empty")).toBeNull();
});

test.each(stories)("$title $name: axe finds nothing, light and dark", async ({ story }) => {
  const errors = vi.spyOn(console, "error").mockImplementation(() => {});
  render(<main>{story.render()}</main>);
  for (const theme of ["light", "dark"]) {
    document.documentElement.dataset.theme = theme;
    const { violations } = await axe.run(document.body, RULES);
    expect(
      violations.map(({ id, help, nodes }) => `${id}: ${help} ${nodes.map(({ html }) => html).join("\n")}`),
      theme,
    ).toEqual([]);
  }
  expect(errors).not.toHaveBeenCalled();
});

test.each(stories)(
  "$title $name: a server renders it, and a browser takes it over as it is",
  async ({ story }) => {
    const errors = vi.spyOn(console, "error").mockImplementation(() => {});
    const recovered: unknown[] = [];
    const html = renderToString(story.render());
    const host = document.createElement("div");
    document.body.append(host);
    host.innerHTML = html;
    // The page was a while on its way.
    const late = Date.now() + 90_000;
    vi.spyOn(Date, "now").mockImplementation(() => late);
    const root = await act(async () =>
      hydrateRoot(host, story.render(), { onRecoverableError: (error) => recovered.push(error) }),
    );
    expect(recovered).toEqual([]);
    expect(errors).not.toHaveBeenCalled();
    await act(async () => root.unmount());
  },
);
