import { useDisplay } from "./display.ts";
import { Icon, toneOf } from "./icon.tsx";

export interface StatusBadgeProps {
  /** Of a run, a step, a check, a schedule, an alert, …: `RUNNING`. */
  readonly status: string;
}

/** A status as icon, text and colour; `data-status` is for styles of your own. */
export function StatusBadge({ status }: StatusBadgeProps) {
  const display = useDisplay();
  return (
    <span className="spine-root spine-badge" data-status={status} data-tone={toneOf(status)}>
      <Icon name={status} />
      {display.status(status)}
    </span>
  );
}
