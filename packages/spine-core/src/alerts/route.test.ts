import { describe, expect, test } from "vitest";
import { type AlertOptions, alertSettings, routeWarnings } from "./alert-options.ts";
import { type AlertMatch, checkMatch, matches } from "./match.ts";
import { muting } from "./mute.ts";
import { targetsOf } from "./route.ts";

const alert = {
  severity: "ERROR",
  source: "run",
  labels: { pipeline: "finra.ingest", domain: "finra", category: "SOURCE" },
} as const;

describe("matchers", () => {
  test.each<[AlertMatch, boolean]>([
    [{}, true],
    [{ pipeline: "finra.ingest", severity: "ERROR", source: "run" }, true],
    [{ pipeline: "finra" }, false],
    [{ pipeline: { startsWith: "finra." } }, true],
    [{ domain: { not: "finra" } }, false],
    [{ domain: { not: ["a", "b"] } }, true],
    [{ category: { in: ["LOAD", "SOURCE"] } }, true],
    [{ category: { in: [] } }, false],
    [{ severity: { atLeast: "WARNING" } }, true],
    [{ severity: { atLeast: "CRITICAL" } }, false],
    [{ tier: "" }, true],
    [{ tier: { not: "" } }, false],
    [{ constructor: { not: "" } }, false],
  ])("%j: %s", (match, meant) => {
    expect(matches(match, alert)).toBe(meant);
    expect(() => checkMatch(match, "It")).not.toThrow();
  });

  test.each([
    [null, /no object/],
    [{ a: 1 }, /`a`/],
    [{ a: { like: "x" } }, /`a`/],
    [{ a: /x/ }, /`a`/],
    [{ a: { in: "x" } }, /`a`/],
    [{ a: { atLeast: "ERROR" } }, /`a`/],
    [{ severity: "error" }, /severity "error"/],
    [{ severity: { in: ["INFO", "LOUD"] } }, /severity "LOUD"/],
  ])("%j is refused", (match, text) => {
    expect(() => checkMatch(match, "It")).toThrow(text);
  });
});

describe("routes", () => {
  const channels = ["chat", "mail", "pager"];
  const settings = (options: AlertOptions) => alertSettings(options, channels);
  const names = (options: AlertOptions) =>
    targetsOf(alert, settings(options)).map((target) => target.channels);

  test("the first that matches counts, and those behind it where it says so; without routes all channels do", () => {
    expect(names({})).toEqual([channels]);
    const routes = [
      { match: { domain: "other" }, channels: ["mail"] },
      { match: { severity: { atLeast: "ERROR" as const } }, channels: ["pager"], continue: true },
      { match: { domain: "finra" }, channels: ["chat", "mail"] },
      { channels: ["mail"] },
    ];
    expect(names({ routes })).toEqual([["pager"], ["chat", "mail"]]);
    expect(names({ routes: [{ match: { source: "run" }, channels: [] }, { channels: ["mail"] }] })).toEqual(
      [],
    );
  });

  test("one that others follow from is kept also where nobody is told of it", () => {
    const inhibit = [{ source: { domain: alert.labels.domain ?? "" }, target: { role: "load" } }];
    const routes = [{ match: { source: alert.source }, channels: [] }];
    expect(names({ routes, inhibit })).toEqual([[]]);
    expect(names({ routes: [], inhibit })).toEqual([[]]);
    expect(names({ inhibit })).toEqual([channels]);
    expect(names({ routes, inhibit: [{ source: { domain: "other" }, target: {} }] })).toEqual([]);
  });

  test("alerts are told together that share channels and labels, and the same ones in every process", () => {
    const of = (labels: Record<string, string>, groupBy?: readonly string[]) =>
      targetsOf({ ...alert, labels }, settings(groupBy ? { groupBy } : {}))[0]?.groupId;
    expect(of({ pipeline: "a", partition: "1" })).toBe(of({ pipeline: "a", partition: "2" }));
    expect(of({ pipeline: "a" })).not.toBe(of({ pipeline: "b" }));
    expect(of({ pipeline: "a", domain: "d" }, ["domain"])).toBe(
      of({ pipeline: "b", domain: "d" }, ["domain"]),
    );
  });

  test.each<[object, RegExp]>([
    [{ routes: [{ channels: ["chart"] }] }, /routes\[0\]` names the channel "chart".*chat, mail, pager/],
    [{ routes: [{}] }, /`channels` of `alerts.routes\[0\]`/],
    [{ routes: [{ channels: ["chat"], match: { a: 1 } }] }, /routes\[0\].match` has `a`/],
    [{ inhibit: [{ source: {} }] }, /`target` of `alerts.inhibit\[0\]`/],
    [{ expect: [{ workflow: "a" }] }, /`within` of `alerts.expect\[0\]`/],
    [
      { expect: [{ partitions: {}, within: "1h" }] },
      /`partitions` of `alerts.expect\[0\]`|`within` is no option/,
    ],
    [
      { expect: [{ partitions: {} }] },
      /`partitions` of `alerts.expect\[0\]` is what `definePartitions` returns/,
    ],
    [{ groupWait: "soon" }, /`groupWait` of `alerts`/],
    [{ groupInterval: "1ms" }, /at least 1s/],
    [{ maxAttempts: 0 }, /`maxAttempts` of `alerts`/],
    [{ onFailure: true }, /`onFailure` of `alerts`/],
    [{ wrong: 1 }, /`wrong` is no option of `alerts`/],
  ])("%j is refused by name", (options, text) => {
    expect(() => settings(options as AlertOptions)).toThrow(
      expect.objectContaining({ code: "CONFIG_INVALID", message: expect.stringMatching(text) }),
    );
  });

  test("a channel that no route names is said, and a route that names none", () => {
    const warned = routeWarnings(
      settings({ routes: [{ match: { a: "b" }, channels: [] }, { channels: ["chat"] }] }),
      channels,
    );
    expect(warned).toHaveLength(3);
    expect(warned.join(" ")).toMatch(/"mail".*"pager".*route 0 names no channel/);
    expect(routeWarnings(settings({}), channels)).toEqual([]);
  });
});

test("an alert is muted by one that it follows from, where their labels say that they belong together", () => {
  const grouped = (labels: Record<string, string>) => ({ ...alert, labels }) as never;
  const rule = { source: { role: "vendor" }, target: { role: "load" }, equal: ["domain"] };
  const isMuted = muting([], [rule], [grouped({ role: "vendor", domain: "finra" })]);
  expect(isMuted(grouped({ role: "load", domain: "finra" }))).toBe(true);
  expect(isMuted(grouped({ role: "load", domain: "other" }))).toBe(false);
  expect(isMuted(grouped({ role: "vendor", domain: "finra" }))).toBe(false);
  const self = muting([], [{ source: {}, target: {} }], [grouped({})]);
  expect(self(grouped({}))).toBe(false);
});
