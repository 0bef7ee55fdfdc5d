import { createHash } from "node:crypto";
import type { AlertSettings } from "./alert-options.ts";
import { factOf, type Matchable, matches } from "./match.ts";

/** A group that an alert belongs to. */
export interface RouteTarget {
  readonly groupId: string;
  readonly channels: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
}

/**
 * The groups of an alert: of the first route that matches it, and of those behind it where that says `continue`. One that others follow
 * from (`inhibit`) is kept also where nobody is told of it: while it fires, they are not told.
 */
export function targetsOf(
  alert: Matchable,
  { routes, groupBy, inhibit }: Pick<AlertSettings, "routes" | "groupBy" | "inhibit">,
): readonly RouteTarget[] {
  const targets = new Map<string, RouteTarget>();
  const add = (channels: readonly string[], by: readonly string[]) => {
    const names = [...new Set(by)].sort();
    const labels = Object.fromEntries(names.map((name) => [name, factOf(alert, name)]));
    const groupId = createHash("sha256")
      .update(JSON.stringify([channels, labels]))
      .digest("hex")
      .slice(0, 32);
    targets.set(groupId, { groupId, channels, labels });
  };
  for (const route of routes) {
    if (!matches(route.match ?? {}, alert)) continue;
    const channels = [...new Set(route.channels)].sort();
    if (channels.length > 0) add(channels, route.groupBy ?? groupBy);
    if (!route.continue) break;
  }
  if (targets.size === 0 && inhibit.some(({ source }) => matches(source, alert))) add([], groupBy);
  return [...targets.values()];
}
