import type { GroupedAlert } from "./alert-group.ts";
import type { Inhibition } from "./alert-options.ts";
import { factOf, matches } from "./match.ts";
import type { Silence } from "./notification-store.ts";

/** Says of an alert whether nobody is told of it now: a silence matches it, or one that it follows from fires. */
export function muting(
  silences: readonly Pick<Silence, "match">[],
  inhibit: readonly Inhibition[],
  firing: readonly GroupedAlert[],
): (alert: GroupedAlert) => boolean {
  return (alert) =>
    silences.some(({ match }) => matches(match, alert)) ||
    inhibit.some(
      ({ source, target, equal = [] }) =>
        // One that both match would mute itself.
        matches(target, alert) &&
        !matches(source, alert) &&
        firing.some(
          (other) =>
            matches(source, other) && equal.every((name) => factOf(other, name) === factOf(alert, name)),
        ),
    );
}
