import { useMemo, useState } from "react";
import type { AllowedAction } from "spine-http/client";
import { usePipelineStatus } from "../hooks/use-pipeline-status.ts";
import { type RunAction, useRunActions } from "../hooks/use-run-actions.ts";
import { Button } from "./button.tsx";
import { Dialog } from "./dialog.tsx";
import { useDisplay } from "./display.ts";
import { ErrorBanner } from "./error-banner.tsx";
import { ApprovalDialog, RerunDialog, SignalDialog } from "./run-dialogs.tsx";
import { useKeptFocus } from "./use-kept-focus.ts";

type Action = AllowedAction["action"];

/** What goes with an action: a reason, where a rerun begins, what a signal says. */
export type ActOptions = Readonly<Record<string, unknown>>;

interface Look {
  /** True: what may not be done is shown too, with the reason. */
  readonly showRefused?: boolean | undefined;
}
interface ActionsData {
  /** As the status of the run says them. */
  readonly actions: readonly AllowedAction[];
  readonly act: (action: Action, options?: ActOptions) => Promise<{ readonly execution_id: string }>;
  /** What is under way. */
  readonly pending?: RunAction | null | undefined;
  readonly error?: Error | null | undefined;
  /** Forgets the error. */
  readonly reset?: (() => void) | undefined;
  /** The steps that a rerun may begin with. */
  readonly steps?: readonly string[] | undefined;
}
interface OfRun {
  readonly runId: string | null | undefined;
  /** Called with what an action answered: the id of another run for a rerun. */
  readonly onDone?: ((action: Action, executionId: string) => void) | undefined;
}
export type RunActionsProps = Look & (OfRun | ActionsData);

const ORDER: readonly Action[] = ["approve", "retry", "resume", "pause", "cancel", "signal", "rerun"];
const ASKED: ReadonlySet<Action> = new Set(["approve", "cancel", "rerun", "signal"]);
/** Those that take a run further. */
const PRIMARY: ReadonlySet<Action> = new Set(["approve", "retry", "resume"]);

/**
 * What can be done with a run now: the server says what, and why not. What cannot be taken back is asked first.
 *
 * @example
 * <RunActions runId={runId} onDone={(action, id) => action === "rerun" && show(id)} />
 */
export function RunActions(props: RunActionsProps) {
  return "actions" in props ? <ActionButtons {...props} /> : <LiveActions {...props} />;
}

function LiveActions({ runId, onDone, showRefused }: Look & OfRun) {
  const { act, ...rest } = useRunActions(runId);
  const { steps } = usePipelineStatus(runId);
  const outer = useMemo(() => steps.filter(({ parent }) => parent === null).map(({ name }) => name), [steps]);
  return (
    <ActionButtons
      {...rest}
      act={async (action, options) => {
        const { execution_id } = await (act as ActionsData["act"])(action, options);
        onDone?.(action, execution_id);
        return { execution_id };
      }}
      steps={outer}
      showRefused={showRefused}
    />
  );
}

function ActionButtons(props: Look & ActionsData) {
  const { actions, act, pending = null, error, reset, steps, showRefused } = props;
  const { text } = useDisplay();
  const [asked, setAsked] = useState<Action | null>(null);
  const kept = useKeptFocus<HTMLFieldSetElement>();
  const shown = ORDER.flatMap((name) => actions.find(({ action }) => action === name) ?? []).filter(
    // What nobody waits for is no help to whoever looks.
    ({ allowed, targets }) => showRefused || (allowed && targets?.length !== 0),
  );
  const targets = actions.find(({ action }) => action === asked)?.targets ?? [];
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
      <fieldset className="spine-buttons" aria-label={text("actions")} tabIndex={-1} {...kept}>
        {shown.map(({ action, allowed, reason }) => (
          <Button
            key={action}
            look={PRIMARY.has(action) ? "primary" : undefined}
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
      {asked === "approve" && (
        <ApprovalDialog {...dialog} steps={targets} onSend={(options) => void send("approve", options)} />
      )}
      {asked === "signal" && (
        <SignalDialog {...dialog} names={targets} onSend={(options) => void send("signal", options)} />
      )}
    </div>
  );
}
