import { useState } from "react";
import { Button } from "./button.tsx";
import { Dialog } from "./dialog.tsx";
import { useDisplay } from "./display.ts";
import { ErrorBanner } from "./error-banner.tsx";
import { RerunDialog, SignalDialog } from "./run-dialogs.tsx";
import type { Action, AllowedAction } from "./wire.ts";

/** What goes with an action: a reason, where a rerun begins, what a signal says. */
export type ActOptions = Readonly<Record<string, unknown>>;

export interface RunActionsView {
  /** As the status of the run says them. */
  readonly actions: readonly AllowedAction[];
  readonly act: (action: Action, options?: ActOptions) => Promise<unknown>;
  /** What is under way. */
  readonly pending?: Action | null | undefined;
  readonly error?: Error | null | undefined;
  /** Forgets the error. */
  readonly reset?: (() => void) | undefined;
  /** The steps that a rerun may begin with. */
  readonly steps?: readonly string[] | undefined;
  /** True: what may not be done is shown too, with the reason. */
  readonly showRefused?: boolean | undefined;
}

const ORDER: readonly Action[] = ["retry", "resume", "rerun", "signal", "pause", "cancel"];
const ASKED: ReadonlySet<Action> = new Set(["cancel", "rerun", "signal"]);

/** What can be done with a run now: the server says what, and why not. */
export function ActionButtons({
  actions,
  act,
  pending = null,
  error,
  reset,
  steps,
  showRefused,
}: RunActionsView) {
  const { text } = useDisplay();
  const [asked, setAsked] = useState<Action | null>(null);
  const shown = ORDER.flatMap((name) => actions.find(({ action }) => action === name) ?? []).filter(
    ({ allowed }) => allowed || showRefused,
  );
  // Whether it went well is told by `error`.
  const send = async (action: Action, options?: ActOptions) => {
    const isDone = await act(action, options).then(
      () => true,
      () => false,
    );
    if (isDone) setAsked(null);
  };
  const close = () => {
    setAsked(null);
    reset?.();
  };
  const dialog = { isPending: asked !== null && pending === asked, error, onClose: close } as const;
  if (shown.length === 0) return null;
  return (
    <div className="spine-root spine-actions">
      <fieldset className="spine-buttons" aria-label={text("actions")}>
        {shown.map(({ action, allowed, reason }) => (
          <Button
            key={action}
            look={action === "retry" || action === "resume" ? "primary" : undefined}
            isPending={pending === action}
            aria-disabled={!allowed || undefined}
            title={reason ?? undefined}
            aria-description={reason ?? undefined}
            onClick={() => {
              reset?.();
              if (ASKED.has(action)) setAsked(action);
              else void send(action);
            }}
          >
            {text(`action_${action}`)}
          </Button>
        ))}
      </fieldset>
      {error && asked === null && <ErrorBanner error={error} />}
      {asked === "cancel" && (
        <Dialog
          {...dialog}
          title={text("cancelTitle")}
          confirm={text("cancelConfirm")}
          dismiss={text("cancelKeep")}
          isDanger
          onConfirm={() => void send("cancel")}
        >
          <p>{text("cancelText")}</p>
        </Dialog>
      )}
      {asked === "rerun" && (
        <RerunDialog {...dialog} steps={steps ?? []} onSend={(options) => void send("rerun", options)} />
      )}
      {asked === "signal" && <SignalDialog {...dialog} onSend={(options) => void send("signal", options)} />}
    </div>
  );
}
