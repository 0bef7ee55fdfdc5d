import { useState } from "react";
import type { Reject, RunStarted } from "spine-http/client";
import { useRejects } from "../hooks/use-rejects.ts";
import { Button } from "./button.tsx";
import { Dialog } from "./dialog.tsx";
import { useDisplay } from "./display.ts";
import { ErrorBanner } from "./error-banner.tsx";
import { Field } from "./field.tsx";
import { type CardLook, type ListState, Panel } from "./panel.tsx";
import { StatusBadge } from "./status-badge.tsx";
import { Table } from "./table.tsx";

/** Which rejects of a step. */
interface Choice {
  readonly step: string;
  readonly indexes: readonly number[];
}
interface RejectCalls {
  readonly discard?: ((choice: Choice, reason: string) => Promise<unknown>) | undefined;
  readonly redrive?: ((choice: Choice) => Promise<unknown>) | undefined;
}
interface TableData extends RejectCalls, ListState {
  readonly rejects: readonly Reject[];
}
interface OfStep {
  readonly runId: string | null | undefined;
  /** Its path; the first step that has refused any when left out. */
  readonly step?: string | null | undefined;
  /** Called with the run that processes rows again. */
  readonly onStarted?: ((run: RunStarted) => void) | undefined;
}
export type QuarantineTableProps = CardLook & (OfStep | TableData);

/** The rows that a step refused, with their reasons: to be put aside, or to be processed again. */
export function QuarantineTable(props: QuarantineTableProps) {
  return "rejects" in props ? <Rejects {...props} /> : <LiveRejects {...props} />;
}

function LiveRejects({ runId, step, onStarted, ...look }: CardLook & OfStep) {
  const { items, discard, redrive, ...state } = useRejects(runId, step);
  return (
    <Rejects
      {...look}
      {...state}
      rejects={items}
      discard={({ indexes }, reason) => discard({ indexes: [...indexes] }, reason)}
      redrive={async ({ indexes }) => onStarted?.(await redrive({ indexes: [...indexes] }))}
    />
  );
}

function Rejects(props: CardLook & TableData) {
  const { rejects, title, headingLevel, className, discard, redrive, ...state } = props;
  const { text, count } = useDisplay();
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const [reason, setReason] = useState<string | null>(null);
  const [pending, setPending] = useState<"discard" | "redrive" | null>(null);
  const [failed, setFailed] = useState<Error | null>(null);
  const open = rejects.filter((reject) => reject.state === "OPEN");
  const selected = open.filter((reject) => chosen.has(keyOf(reject)));
  const canAct = discard !== undefined || redrive !== undefined;
  const toggle = (keys: readonly string[], isOn: boolean) =>
    setChosen((known) => {
      const next = new Set(known);
      for (const key of keys) {
        if (isOn) next.add(key);
        else next.delete(key);
      }
      return next;
    });
  const send = async (what: "discard" | "redrive", ask: (choice: Choice) => Promise<unknown>) => {
    setPending(what);
    setFailed(null);
    try {
      // Each step has numbers of its own.
      for (const step of new Set(selected.map((reject) => reject.step)))
        await ask({ step, indexes: selected.filter((each) => each.step === step).map(({ index }) => index) });
      setChosen(new Set());
      setReason(null);
    } catch (error) {
      setFailed(error as Error);
    } finally {
      setPending(null);
    }
  };
  return (
    <Panel
      title={title ?? text("quarantine")}
      headingLevel={headingLevel}
      className={className}
      state={state}
      isEmpty={rejects.length === 0}
      empty={text("noRejects")}
      hint={text("noRejectsHint")}
    >
      {canAct && (
        <div className="spine-toolbar">
          <label className="spine-check">
            <input
              type="checkbox"
              checked={selected.length > 0 && selected.length === open.length}
              ref={(box) => {
                if (box) box.indeterminate = selected.length > 0 && selected.length < open.length;
              }}
              onChange={(event) => toggle(open.map(keyOf), event.target.checked)}
            />
            {text("selectAll")}
          </label>
          <span role="status">{selected.length > 0 && count("selected", selected.length)}</span>
          <div className="spine-buttons">
            {redrive && (
              <Button
                aria-disabled={selected.length === 0 || undefined}
                isPending={pending === "redrive"}
                onClick={() => void send("redrive", redrive)}
              >
                {text("redrive")}
              </Button>
            )}
            {discard && (
              <Button
                look="danger"
                aria-disabled={selected.length === 0 || undefined}
                onClick={() => setReason("")}
              >
                {text("discard")}
              </Button>
            )}
          </div>
        </div>
      )}
      {failed && reason === null && <ErrorBanner error={failed} />}
      <Table
        caption={title ?? text("quarantine")}
        isStacked
        columns={[
          ...(canAct ? [{ name: text("selectAll"), isQuiet: true }] : []),
          { name: text("reason") },
          { name: text("statusColumn") },
          { name: text("place"), isMinor: true },
        ]}
      >
        {rejects.map((reject) => (
          <tr key={keyOf(reject)}>
            {canAct && (
              <td className="spine-check-cell">
                <label className="spine-check">
                  <input
                    type="checkbox"
                    aria-label={text("selectRow", { index: reject.index + 1 })}
                    disabled={reject.state !== "OPEN"}
                    checked={chosen.has(keyOf(reject)) && reject.state === "OPEN"}
                    onChange={(event) => toggle([keyOf(reject)], event.target.checked)}
                  />
                </label>
              </td>
            )}
            <td className="spine-wide">
              <code>{reject.code}</code>
              <div>{reject.message}</div>
              {reject.discarded && <div className="spine-sub">{reject.discarded.reason}</div>}
              {reject.row !== null && (
                <details className="spine-details">
                  <summary>{text("row")}</summary>
                  <pre>{JSON.stringify(reject.row, null, 2)}</pre>
                </details>
              )}
            </td>
            <td>
              <StatusBadge status={reject.state} />
            </td>
            <td data-minor className="spine-place">
              {reject.file ?? reject.step}
              {reject.line !== null && <div className="spine-sub">{text("line", { line: reject.line })}</div>}
            </td>
          </tr>
        ))}
      </Table>
      {reason !== null && discard && (
        <Dialog
          title={text("discardTitle")}
          confirm={text("discard")}
          isDanger
          isPending={pending === "discard"}
          isDisabled={reason.trim() === ""}
          error={failed}
          onClose={() => setReason(null)}
          onConfirm={() => void send("discard", (choice) => discard(choice, reason))}
        >
          <p>{count("selected", selected.length)}</p>
          <Field label={text("discardReason")}>
            {(ids) => (
              <input
                {...ids}
                required
                maxLength={1_000}
                value={reason}
                onChange={(event) => setReason(event.target.value)}
              />
            )}
          </Field>
        </Dialog>
      )}
    </Panel>
  );
}

function keyOf({ step, index }: Reject): string {
  return `${step} ${index}`;
}
