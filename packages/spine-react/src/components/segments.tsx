import { useId } from "react";

export interface SegmentsProps<T extends string> {
  readonly legend: string;
  readonly options: readonly { readonly value: T; readonly label: string; readonly title?: string }[];
  readonly value: T;
  readonly onChange: (value: T) => void;
  /** True: its legend is for screen readers only. */
  readonly isCompact?: boolean;
}

/** One choice of a few, side by side: radio buttons, with their keys. */
export function Segments<T extends string>(props: SegmentsProps<T>) {
  const { legend, options, value, onChange, isCompact = false } = props;
  const name = useId();
  return (
    <fieldset className="spine-segments">
      <legend className={isCompact ? "spine-hidden" : undefined}>{legend}</legend>
      <div>
        {options.map((option) => (
          <label key={option.value} title={option.title}>
            <input
              type="radio"
              name={name}
              value={option.value}
              checked={option.value === value}
              onChange={() => onChange(option.value)}
            />
            <span>{option.label}</span>
          </label>
        ))}
      </div>
    </fieldset>
  );
}
