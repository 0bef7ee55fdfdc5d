import { useId, useState } from "react";
import type { BackfillItem, BackfillRequest, PartitionCell, RunStarted } from "spine-http/client";
import { useBackfill } from "../hooks/use-backfill.ts";
import { Button } from "./button.tsx";
import { Dialog } from "./dialog.tsx";
import { useDisplay } from "./display.ts";
import { Field } from "./field.tsx";
import { StatusBadge } from "./status-badge.tsx";

interface Look {
  readonly table: string;
  /** What was selected in the grid; offered as a choice of its own. */
  readonly selected?: readonly PartitionCell[] | undefined;
  readonly onClose: () => void;
  readonly onStarted?: ((run: RunStarted) => void) | undefined;
}
interface DialogData {
  /** What it would load. */
  readonly preview: (request: BackfillRequest) => Promise<readonly BackfillItem[]>;
  readonly start: (request: BackfillRequest) => Promise<RunStarted>;
  readonly isPending?: boolean | undefined;
  readonly error?: Error | null | undefined;
}

export type BackfillDialogProps = Look | (Look & DialogData);

type Select = "missing" | "failed" | "range" | "list";
const MOST_SHOWN = 100;

/** Fills partitions: which, how many at once, in which order; and what would be done, before it is. */
export function BackfillDialog(props: BackfillDialogProps) {
  return "preview" in props ? <Asked {...props} /> : <LiveBackfill {...props} />;
}

function LiveBackfill(look: Look) {
  return <Asked {...look} {...useBackfill(look.table)} />;
}

function Asked(props: Look & DialogData) {
  const { table, selected = [], onClose, onStarted, preview, start, isPending, error } = props;
  const { text, count } = useDisplay();
  const name = useId();
  const [select, setSelect] = useState<Select>(selected.length > 0 ? "list" : "missing");
  const [from, setFrom] = useState("");
  const [to, setTo] = useState("");
  const [concurrency, setConcurrency] = useState("2");
  const [order, setOrder] = useState<"oldest" | "newest">("oldest");
  const [plan, setPlan] = useState<readonly BackfillItem[] | null>(null);
  const [failed, setFailed] = useState<Error | null>(null);
  const choices: readonly Select[] = [
    ...(selected.length > 0 ? (["list"] as const) : []),
    "missing",
    "failed",
    "range",
  ];
  const request: BackfillRequest = {
    select:
      select === "list"
        ? { list: selected.map(({ partition }) => partition) }
        : select === "range"
          ? { range: { ...(from ? { from } : {}), ...(to ? { to } : {}) } }
          : select,
    concurrency: Math.max(1, Math.min(1_000, Number(concurrency) || 1)),
    order,
  };
  // What was asked for before is not what is asked for now.
  const change =
    <T,>(set: (value: T) => void) =>
    (value: T) => {
      set(value);
      setPlan(null);
      setFailed(null);
    };
  const look = () =>
    void preview(request).then(
      (items) => {
        setFailed(null);
        setPlan(items);
      },
      (thrown: Error) => setFailed(thrown),
    );
  const send = () =>
    void start(request).then(
      (run) => {
        onStarted?.(run);
        onClose();
      },
      () => {},
    );
  return (
    <Dialog
      title={text("backfillTitle", { table })}
      confirm={text("startBackfill")}
      isPending={isPending}
      error={error ?? failed}
      onClose={onClose}
      onConfirm={send}
    >
      <fieldset className="spine-choices">
        <legend>{text("backfillSelect")}</legend>
        {choices.map((choice) => (
          <label key={choice} className="spine-check">
            <input
              type="radio"
              name={name}
              checked={select === choice}
              onChange={() => change(setSelect)(choice)}
            />
            {text(`backfill_${choice}`, { count: selected.length })}
          </label>
        ))}
      </fieldset>
      {select === "range" && (
        <div className="spine-columns">
          <Field label={text("from")}>
            {(ids) => (
              <input
                {...ids}
                type="date"
                value={from}
                onChange={(event) => change(setFrom)(event.target.value)}
              />
            )}
          </Field>
          <Field label={text("to")}>
            {(ids) => (
              <input
                {...ids}
                type="date"
                value={to}
                onChange={(event) => change(setTo)(event.target.value)}
              />
            )}
          </Field>
        </div>
      )}
      <div className="spine-columns">
        <Field label={text("concurrency")}>
          {(ids) => (
            <input
              {...ids}
              type="number"
              min={1}
              max={1_000}
              value={concurrency}
              onChange={(event) => setConcurrency(event.target.value)}
            />
          )}
        </Field>
        <Field label={text("order")}>
          {(ids) => (
            <select
              {...ids}
              value={order}
              onChange={(event) => setOrder(event.target.value as "oldest" | "newest")}
            >
              <option value="oldest">{text("order_oldest")}</option>
              <option value="newest">{text("order_newest")}</option>
            </select>
          )}
        </Field>
      </div>
      <div>
        <Button onClick={look}>{text("preview")}</Button>
      </div>
      <div role="status">
        {plan && (
          <>
            <p>{plan.length === 0 ? text("backfillNothing") : count("backfillPlan", plan.length)}</p>
            <ul className="spine-plan">
              {plan.slice(0, MOST_SHOWN).map(({ key, state }) => (
                <li key={key}>
                  <code>{key}</code>
                  <StatusBadge status={state} />
                </li>
              ))}
              {plan.length > MOST_SHOWN && <li>…</li>}
            </ul>
          </>
        )}
      </div>
    </Dialog>
  );
}
