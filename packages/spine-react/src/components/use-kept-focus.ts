import { type FocusEvent, type RefObject, useEffect, useRef } from "react";

export interface KeptFocus<T extends HTMLElement> {
  readonly ref: RefObject<T | null>;
  readonly onFocus: (event: FocusEvent) => void;
  readonly onBlur: () => void;
}

/**
 * For a group of buttons that are gone once they have done what they do: whoever has pressed one by keyboard goes on from the group
 * (which has a `tabIndex`), or from where they came where nothing is left of it. Browsers would begin at the top of the page.
 */
export function useKeptFocus<T extends HTMLElement>(): KeptFocus<T> {
  const ref = useRef<T>(null);
  const focused = useRef<Element | null>(null);
  const before = useRef<Element | null>(null);
  useEffect(() => {
    if (focused.current === null || focused.current.isConnected) return;
    focused.current = null;
    if (document.activeElement !== document.body) return;
    const next = ref.current?.querySelector("button") ? ref.current : before.current;
    if (next instanceof HTMLElement) next.focus();
  });
  return {
    ref,
    onFocus(event) {
      focused.current = event.target;
      const from = event.relatedTarget;
      if (from instanceof Element && !ref.current?.contains(from)) before.current = from;
    },
    // Not told of what is taken out of the page.
    onBlur() {
      focused.current = null;
    },
  };
}
