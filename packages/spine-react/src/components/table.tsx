import type { ReactNode } from "react";

export interface Column {
  readonly name: string;
  readonly isNumber?: boolean;
  /** Left out where there is little room. */
  readonly isMinor?: boolean;
  /** True: its heading is for screen readers only. */
  readonly isQuiet?: boolean;
}

interface TableProps {
  readonly caption: string;
  readonly columns: readonly Column[];
  /** True: where there is little room a row is a block, its first cell above the others. Not for columns of numbers. */
  readonly isStacked?: boolean;
  readonly children: ReactNode;
}

/** A table that scrolls sideways in itself, by keyboard too, and never moves the page. */
export function Table({ caption, columns, isStacked, children }: TableProps) {
  return (
    // A group, no landmark: the card around it has the same name.
    // biome-ignore lint/a11y/useSemanticElements: a fieldset would be one of a form
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by keyboard
    <div role="group" className="spine-scroll" aria-label={caption} tabIndex={0}>
      <table className="spine-table" data-stacked={isStacked}>
        <caption className="spine-hidden">{caption}</caption>
        <thead>
          <tr>
            {columns.map(({ name, isNumber, isMinor, isQuiet }, index) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: two may have one name in some language
              <th key={index} scope="col" data-number={isNumber} data-minor={isMinor}>
                {isQuiet ? <span className="spine-hidden">{name}</span> : name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </div>
  );
}
