import { useId, useState } from "react";
import { Dialog } from "./dialog.tsx";
import { useDisplay } from "./display.ts";
import { Field } from "./field.tsx";
import { Segments } from "./segments.tsx";

interface AskProps {
  readonly onClose: () => void;
  readonly onSend: (options: Readonly<Record<string, unknown>>) => void;
  readonly isPending: boolean;
  readonly error: Error | null | undefined;
}

/** Where to begin, and with which parameters. */
export function RerunDialog({ steps, onSend, ...dialog }: AskProps & { readonly steps: readonly string[] }) {
  const { text } = useDisplay();
  const [from, setFrom] = useState("");
  const [params, setParams] = useState("");
  const parsed = jsonOf(params);
  return (
    <Dialog
      {...dialog}
      title={text("rerunTitle")}
      confirm={text("action_rerun")}
      isDisabled={parsed === null}
      onConfirm={() =>
        parsed &&
        onSend({ ...(from ? { from } : {}), ...("value" in parsed ? { params: parsed.value } : {}) })
      }
    >
      <p>{text("rerunText")}</p>
      {steps.length > 0 && (
        <Field label={text("rerunFrom")}>
          {(ids) => (
            <select {...ids} value={from} onChange={(event) => setFrom(event.target.value)}>
              <option value="">{text("rerunFromStart")}</option>
              {steps.map((step) => (
                <option key={step}>{step}</option>
              ))}
            </select>
          )}
        </Field>
      )}
      <JsonField
        label={text("rerunParams")}
        hint={text("rerunParamsHint")}
        value={params}
        onChange={setParams}
      />
    </Dialog>
  );
}

/** Whether a step that waits for it goes on. */
export function ApprovalDialog({
  steps,
  onSend,
  ...dialog
}: AskProps & { readonly steps: readonly string[] }) {
  const { text } = useDisplay();
  const [chosen, setStep] = useState(steps[0] ?? "");
  const [decision, setDecision] = useState<"approve" | "reject">("approve");
  const [comment, setComment] = useState("");
  const isApproved = decision === "approve";
  // Somebody else may have decided about it meanwhile; one that was not chosen is not taken in its place.
  const step = steps.includes(chosen) ? chosen : "";
  return (
    <Dialog
      {...dialog}
      title={text("approvalTitle")}
      confirm={text(isApproved ? "approve" : "reject")}
      isDanger={!isApproved}
      isDisabled={step === ""}
      onConfirm={() => onSend({ step, approved: isApproved, ...(comment ? { comment } : {}) })}
    >
      <Field label={text("approvalStep")}>
        {(ids) => (
          <select {...ids} value={step} onChange={(event) => setStep(event.target.value)}>
            {step === "" && <option value="">–</option>}
            {steps.map((each) => (
              <option key={each}>{each}</option>
            ))}
          </select>
        )}
      </Field>
      <Segments
        legend={text("decision")}
        options={(["approve", "reject"] as const).map((value) => ({ value, label: text(value) }))}
        value={decision}
        onChange={setDecision}
      />
      <Field label={text("comment")}>
        {(ids) => (
          <textarea {...ids} rows={2} value={comment} onChange={(event) => setComment(event.target.value)} />
        )}
      </Field>
    </Dialog>
  );
}

/** A message for the run. @param names those that its steps wait for; another may be sent ahead. */
export function SignalDialog({ names, onSend, ...dialog }: AskProps & { readonly names: readonly string[] }) {
  const { text } = useDisplay();
  const list = useId();
  const [name, setName] = useState(names[0] ?? "");
  const [payload, setPayload] = useState("");
  const parsed = jsonOf(payload);
  return (
    <Dialog
      {...dialog}
      title={text("signalTitle")}
      confirm={text("action_signal")}
      isDisabled={parsed === null || name === ""}
      onConfirm={() => parsed && onSend({ name, ...("value" in parsed ? { payload: parsed.value } : {}) })}
    >
      <Field label={text("signalName")}>
        {(ids) => (
          <input
            {...ids}
            required
            list={list}
            value={name}
            onChange={(event) => setName(event.target.value)}
          />
        )}
      </Field>
      <datalist id={list}>
        {names.map((each) => (
          <option key={each} value={each} />
        ))}
      </datalist>
      <JsonField label={text("signalPayload")} value={payload} onChange={setPayload} />
    </Dialog>
  );
}

interface JsonFieldProps {
  readonly label: string;
  readonly hint?: string;
  readonly value: string;
  readonly onChange: (value: string) => void;
}

function JsonField({ label, hint, value, onChange }: JsonFieldProps) {
  const { text } = useDisplay();
  return (
    <Field label={label} hint={hint} error={jsonOf(value) === null ? text("notJson") : undefined}>
      {(ids) => (
        <textarea
          {...ids}
          className="spine-code"
          rows={4}
          spellCheck={false}
          value={value}
          onChange={(event) => onChange(event.target.value)}
        />
      )}
    </Field>
  );
}

/** Nothing for an empty text; null for one that is no JSON. */
function jsonOf(text: string): { readonly value: unknown } | Record<string, never> | null {
  if (text.trim() === "") return {};
  try {
    return { value: JSON.parse(text) as unknown };
  } catch {
    return null;
  }
}
