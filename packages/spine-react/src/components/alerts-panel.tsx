import { useState } from "react";
import type { AlertGroup, GroupedAlert } from "spine-http/client";
import { useAlertActions, useAlertGroups } from "../hooks/use-alerts.ts";
import { Button } from "./button.tsx";
import { useDisplay } from "./display.ts";
import { ErrorBanner } from "./error-banner.tsx";
import { type CardLook, Panel, type ViewState } from "./panel.tsx";
import { type RunLinks, RunName } from "./run-name.tsx";
import { StatusBadge } from "./status-badge.tsx";
import { TextWithTime } from "./time.tsx";

interface Look extends RunLinks, CardLook {}
interface AlertCalls {
  readonly acknowledge?: ((fingerprint: string) => Promise<unknown>) | undefined;
  readonly resolve?: ((fingerprint: string) => Promise<unknown>) | undefined;
}
interface PanelData extends AlertCalls, ViewState {
  readonly groups: readonly AlertGroup[];
}
/** What fires now; or groups that are given. */
export type AlertsPanelProps = Look | (Look & PanelData);

const SEVERITY = ["CRITICAL", "ERROR", "WARNING", "INFO"];

/** What fires now, the worst first, with who was told and who has taken it on. */
export function AlertsPanel(props: AlertsPanelProps) {
  return "groups" in props ? <Groups {...props} /> : <LiveGroups {...props} />;
}

function LiveGroups(look: Look) {
  const { items, ...state } = useAlertGroups();
  const { acknowledge, resolve } = useAlertActions();
  return <Groups {...look} {...state} groups={items} acknowledge={acknowledge} resolve={resolve} />;
}

function Groups(props: Look & PanelData) {
  const { groups, title, headingLevel, className, acknowledge, resolve, hrefOf, onOpen, ...state } = props;
  const display = useDisplay();
  const { text } = display;
  const [failed, setFailed] = useState<Error | null>(null);
  const firing = groups
    .flatMap((group) => group.alerts.map((alert) => ({ group, alert })))
    .filter(({ alert }) => alert.status === "FIRING")
    .sort((a, b) => SEVERITY.indexOf(a.alert.severity) - SEVERITY.indexOf(b.alert.severity));
  const call = (ask: ((fingerprint: string) => Promise<unknown>) | undefined) =>
    ask &&
    (async (fingerprint: string) => {
      setFailed(null);
      await ask(fingerprint).catch((error: Error) => setFailed(error));
    });
  return (
    <Panel
      title={title ?? text("alerts")}
      headingLevel={headingLevel}
      className={className}
      state={state}
      isEmpty={firing.length === 0}
      empty={text("noAlerts")}
      hint={text("noAlertsHint")}
    >
      {failed && <ErrorBanner error={failed} />}
      <ul className="spine-list">
        {firing.map(({ group, alert }) => (
          <li key={`${group.group_id} ${alert.fingerprint}`}>
            <div className="spine-list-head">
              <strong>
                {alert.execution_id === null ? (
                  alert.title
                ) : (
                  <RunName run={{ execution_id: alert.execution_id }} hrefOf={hrefOf} onOpen={onOpen}>
                    {alert.title}
                  </RunName>
                )}
              </strong>
              <StatusBadge status={alert.severity} />
            </div>
            <p>{alert.message}</p>
            <p className="spine-refs">
              <span>
                <TextWithTime label="since" at={alert.since} />
              </span>
              <span>{display.count("raised", alert.raised)}</span>
              <span>
                {group.notified_at === null
                  ? text("notTold")
                  : text("toldTo", { channels: group.channels.join(", ") })}
              </span>
              {alert.acknowledged_by !== null && (
                <span>{text("acknowledgedBy", { name: alert.acknowledged_by })}</span>
              )}
            </p>
            <div className="spine-buttons">
              {acknowledge && alert.acknowledged_by === null && (
                <AlertButton alert={alert} name="acknowledge" onPress={call(acknowledge)} />
              )}
              {resolve && <AlertButton alert={alert} name="resolve" onPress={call(resolve)} />}
            </div>
          </li>
        ))}
      </ul>
    </Panel>
  );
}

interface AlertButtonProps {
  readonly alert: GroupedAlert;
  readonly name: "acknowledge" | "resolve";
  readonly onPress: ((fingerprint: string) => Promise<void>) | undefined;
}

function AlertButton({ alert, name, onPress }: AlertButtonProps) {
  const { text } = useDisplay();
  const [isPending, setPending] = useState(false);
  const press = async () => {
    setPending(true);
    await onPress?.(alert.fingerprint);
    setPending(false);
  };
  return (
    <Button isPending={isPending} aria-label={`${text(name)}: ${alert.title}`} onClick={() => void press()}>
      {text(name)}
    </Button>
  );
}
