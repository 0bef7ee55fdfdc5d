// @vitest-environment jsdom
import { QueryClient } from "@tanstack/react-query";
import { cleanup, render, screen, waitFor } from "@testing-library/react";
import { userEvent } from "@testing-library/user-event";
import axe from "axe-core";
import { hydrateRoot } from "react-dom/client";
import { renderToString } from "react-dom/server";
import { createClient } from "spine-http/client";
import { SpineProvider } from "spine-react";
import { afterEach, expect, test, vi } from "vitest";
import type { FinraWeek, FinraWeeks } from "../client/finra-api.ts";
import { TradeActivityChart } from "./index.ts";

afterEach(cleanup);

const SAMPLE = "Generated data in FINRA's format: no real trades, and not FINRA's.";
const weeks: FinraWeeks = {
  tier: "T1",
  attribution: SAMPLE,
  items: ["2026-03-02", "2026-02-23", "2026-02-16"].map((week_start, index) => ({
    week_start,
    week_ending: week_start.replace(/\d\d$/, (day) => String(Number(day) + 4).padStart(2, "0")),
    source: "SAMPLE",
    rows: 3,
    // More than a double holds exactly.
    shares: `${9 - index}007199254740993.000001`,
    trades: 1_200 - index,
    symbols: 2,
  })),
};
const HOSTILE = `<img src=x onerror="alert(1)">`;
const week: FinraWeek = {
  tier: "T1",
  week_start: "2026-03-02",
  week_ending: "2026-03-06",
  source: "SAMPLE",
  attribution: HOSTILE,
  rows: 3,
  shares: "120000.5",
  trades: 12,
  symbols: 2,
  top_symbols: [
    { symbol: "AAA", shares: "120000.5", trades: 7, venues: 2 },
    { symbol: HOSTILE, shares: "7", trades: 5, venues: 1 },
  ],
  top_venues: [
    { mpid: "UBSA", participant_name: "UBS ATS", shares: "120000.5", trades: 7, symbols: 2 },
    { mpid: "X", participant_name: HOSTILE, shares: "7", trades: 5, symbols: 1 },
  ],
};
const cells = () => screen.getAllByRole("cell", { hidden: true }).map(({ textContent }) => textContent);
const names = () => screen.getAllByRole("rowheader", { hidden: true }).map(({ textContent }) => textContent);

test("a server draws all of it: bars, line, exact figures from the first week to the last, whose data they are", () => {
  const html = renderToString(<TradeActivityChart data={weeks} />);
  document.body.innerHTML = html;
  expect(document.querySelectorAll("g[data-kind=bar] rect")).toHaveLength(3);
  expect(document.querySelector("g[data-kind=line] path")?.getAttribute("d")).toMatch(/^M[\d.,]+L/);
  expect(names()).toEqual(["2026-02-20", "2026-02-27", "2026-03-06"]);
  expect(cells()[0]).toBe("7,007,199,254,740,993.000001");
  expect(document.body.textContent).toContain("no real trades");
});

test("a browser takes over what the server has drawn without a word", async () => {
  const complained = vi.spyOn(console, "error");
  document.body.innerHTML = `<div id="root">${renderToString(<TradeActivityChart data={week} by="venue" />)}</div>`;
  const root = hydrateRoot(
    document.getElementById("root") as HTMLElement,
    <TradeActivityChart data={week} by="venue" />,
  );
  await waitFor(() => expect(cells()).toContain("120,000.5"));
  expect(complained).not.toHaveBeenCalled();
  root.unmount();
  document.body.innerHTML = "";
});

test("a week that is not loaded has a place between those that are; symbols are no line", () => {
  const [last, , first] = weeks.items;
  if (!last || !first) throw new Error("no weeks");
  const long = { ...first, week_ending: "2025-01-10" };
  const { container } = render(<TradeActivityChart data={{ ...weeks, items: [last, first, long] }} />);
  // Weeks that nobody has loaded for a year are no part of the axis.
  expect(names()).toEqual(["2025-01-10", "2026-02-20", "2026-02-27", "2026-03-06"]);
  expect(cells().slice(4, 6)).toEqual(["–", "–"]);
  expect(container.querySelectorAll("g[data-kind=bar] rect")).toHaveLength(3);
  cleanup();
  render(<TradeActivityChart data={week} by="symbol" />);
  expect(document.querySelector("g[data-kind=line]")).toBeNull();
  expect(document.querySelectorAll("g[data-kind=dot] circle")).toHaveLength(2);
});

test.each(["symbol", "venue"] as const)("texts of a %s are texts, whatever stands in them", async (by) => {
  const { container } = render(<TradeActivityChart data={week} by={by} />);
  expect(container.querySelector("img, script")).toBeNull();
  expect(names().join()).toContain(HOSTILE);
  if (by === "venue") expect(names()[0]).toBe("UBSA UBS ATS");
  expect(await violations()).toEqual([]);
});

/** The chart asks an API that answers as a test says. */
function asking(answer: (path: string) => Response | Promise<Response>) {
  const asked: string[] = [];
  const client = createClient({
    baseUrl: "/spine",
    fetch: async (url) => {
      const path = url instanceof Request ? url.url : url.toString();
      asked.push(path);
      return await answer(path);
    },
  });
  // A host may throw its own errors into the page: the chart shows those of its own.
  const queryClient = new QueryClient({ defaultOptions: { queries: { retry: false, throwOnError: true } } });
  const { container } = render(
    <SpineProvider client={client} queryClient={queryClient} locale="en">
      <TradeActivityChart tier="T1" week_ending="2026-03-06" />
    </SpineProvider>,
  );
  return { asked, queryClient, container };
}

test("asks for weeks, and for one week once somebody wants its symbols", async () => {
  const { asked } = asking((path) => Response.json(path.includes("/weeks") ? weeks : week));
  await waitFor(() => expect(names()).toHaveLength(3));
  expect(asked).toEqual(["/spine/finra/weeks?tier=T1&limit=26"]);
  await userEvent.click(screen.getByRole("radio", { name: "Symbols" }));
  await waitFor(() => expect(names()).toHaveLength(2));
  expect(asked.at(-1)).toBe("/spine/finra/week?tier=T1&week_ending=2026-03-06&limit=12");
  expect(screen.getByRole("heading").textContent).toBe("Trade activity, T1, week ending 2026-03-06");
});

test("says that it loads, that nothing is loaded, that it failed, that it is stale", async () => {
  const never = new Promise<Response>(() => {});
  const { container } = asking(() => never);
  expect(container.querySelector("[aria-busy=true]")).not.toBeNull();
  expect(await violations()).toEqual([]);
  cleanup();

  asking(() => Response.json({ ...weeks, items: [] }));
  await screen.findByText("No data");
  expect(await violations()).toEqual([]);
  cleanup();

  let isBroken = true;
  const { queryClient } = asking(() =>
    isBroken ? new Response("no", { status: 503 }) : Response.json(weeks),
  );
  await screen.findByRole("alert");
  expect(await violations()).toEqual([]);
  isBroken = false;
  await userEvent.click(screen.getByRole("button", { name: "Try again" }));
  await waitFor(() => expect(names()).toHaveLength(3));
  isBroken = true;
  await queryClient.refetchQueries();
  await screen.findByText(/the last look failed/);
  // What was known stays.
  expect(names()).toHaveLength(3);
  expect(await violations()).toEqual([]);
});

async function violations(): Promise<readonly string[]> {
  // Colours need a browser: examples/trading-desktop looks at them in Chromium.
  const found = await axe.run(document.body, {
    rules: { region: { enabled: false }, "color-contrast": { enabled: false } },
  });
  return found.violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`);
}
