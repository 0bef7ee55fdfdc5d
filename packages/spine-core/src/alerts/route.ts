import { createHash } from "node:crypto";
import type { AlertSettings } from "./alert-options.ts";
import { factOf, type Matchable, matches } from "./match.ts";

/** A group that an alert belongs to. */
export interface RouteTarget {
  readonly groupId: string;
  readonly channels: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
}

/** The groups of an alert: of the first route that matches it, and of those behind it where that says `continue`. */
export function targetsOf(
  alert: Matchable,
  { routes, groupBy }: Pick<AlertSettings, "routes" | "groupBy">,
): readonly RouteTarget[] {
  const targets = new Map<string, RouteTarget>();
  for (const route of routes) {
    if (!matches(route.match ?? {}, alert)) continue;
    const channels = [...new Set(route.channels)].sort();
    const names = [...new Set(route.groupBy ?? groupBy)].sort();
    const labels = Object.fromEntries(names.map((name) => [name, factOf(alert, name)]));
    const groupId = createHash("sha256")
      .update(JSON.stringify([channels, labels]))
      .digest("hex")
      .slice(0, 32);
    if (channels.length > 0) targets.set(groupId, { groupId, channels, labels });
    if (!route.continue) break;
  }
  return [...targets.values()];
}
