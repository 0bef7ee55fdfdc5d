import { useState } from "react";
import { Dialog } from "./dialog.tsx";
import { useDisplay } from "./display.ts";
import { Field } from "./field.tsx";

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

export function SignalDialog({ onSend, ...dialog }: AskProps) {
  const { text } = useDisplay();
  const [name, setName] = useState("");
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
        {(ids) => <input {...ids} required value={name} onChange={(event) => setName(event.target.value)} />}
      </Field>
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
