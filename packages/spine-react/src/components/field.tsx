import { type ReactNode, useId } from "react";

/** What an input needs to be known by its label, its hint and its error. */
export interface FieldIds {
  readonly id: string;
  readonly "aria-describedby": string | undefined;
  readonly "aria-invalid": true | undefined;
}

export interface FieldProps {
  readonly label: ReactNode;
  readonly hint?: ReactNode;
  readonly error?: string | undefined;
  readonly children: (ids: FieldIds) => ReactNode;
}

/** An input with its label, a hint, and what is wrong with what was put in. */
export function Field({ label, hint, error, children }: FieldProps) {
  const id = useId();
  const described = [hint ? `${id}h` : "", error ? `${id}e` : ""].filter(Boolean).join(" ");
  return (
    <div className="spine-field">
      <label htmlFor={id}>{label}</label>
      {children({
        id,
        "aria-describedby": described || undefined,
        "aria-invalid": error === undefined ? undefined : true,
      })}
      {hint && (
        <p id={`${id}h`} className="spine-hint">
          {hint}
        </p>
      )}
      {error && (
        <p id={`${id}e`} className="spine-field-error">
          {error}
        </p>
      )}
    </div>
  );
}
