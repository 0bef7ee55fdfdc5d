import { renderToString } from "react-dom/server";
import { expect, test } from "vitest";
import { DisplayContext } from "./display-context.ts";
import { PipelineStatusCard, SeriesChart, StepTimeline } from "./index.ts";
import { completedRun, runningRun } from "./testing/fixtures.ts";
import { stories } from "./testing/stories.ts";

// No jsdom here: a server has neither window nor document.

test.each(stories)("$title $name is rendered where there is no browser", ({ story }) => {
  expect(typeof window).toBe("undefined");
  expect(renderToString(story.render())).toBeTypeOf("string");
});

test("a server writes times in UTC, whatever the locale and zone of the reader", () => {
  const at = (settings: { readonly locale?: string; readonly timeZone?: string }) =>
    renderToString(
      <DisplayContext.Provider value={settings}>
        <PipelineStatusCard run={{ ...completedRun, started_at: "2026-11-20T23:30:00.000Z" }} />
      </DisplayContext.Provider>,
    );
  expect(at({})).toContain("2026-11-20 23:30 UTC");
  expect(at({ locale: "de-DE", timeZone: "Asia/Tokyo" })).toContain("2026-11-20 23:30 UTC");
  expect(at({})).toContain('dateTime="2026-11-20T23:30:00.000Z"');
});

test("a server draws the whole timeline and the whole chart", () => {
  const timeline = renderToString(<StepTimeline run={runningRun} mode="timed" />);
  expect(timeline.match(/<rect data-kind="work"/g)?.length).toBeGreaterThan(6);
  expect(timeline).toContain('data-kind="backoff"');
  expect(timeline).toContain('data-kind="queue"');
  expect(timeline).toContain('data-kind="pending"');
  // The present is the reader's: the server does not know it.
  expect(timeline).not.toContain("spine-now");
  const chart = renderToString(
    <SeriesChart
      title="Volume"
      pointsLabel="Week"
      points={["2026-01-05", "2026-01-12"]}
      series={[
        { id: "a", label: "Shares", kind: "bar", values: [12, 1_000_000] },
        { id: "b", label: "Trades", kind: "line", axis: "right", values: [3, 4] },
      ]}
    />,
  );
  expect(chart.match(/<rect/g)).toHaveLength(2);
  expect(chart).toMatch(/<path d="M[\d.]+,[\d.]+L/);
  expect(chart).toMatch(/<td data-number="true">1000000<\/td>/);
});

test("nothing is styled by attributes: a strict policy lets all of it through", () => {
  for (const { title, name, story } of stories)
    expect(renderToString(story.render()), `${title} ${name}`).not.toMatch(
      /\sstyle="|<style|<script|\son[a-z]+="/,
    );
});
