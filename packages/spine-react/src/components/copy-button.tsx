import { useEffect, useState } from "react";
import { useDisplay } from "./display.ts";
import { Icon } from "./icon.tsx";

/** Puts a text into the clipboard. */
export function CopyButton({ value, name }: { readonly value: string; readonly name: string }) {
  const { text } = useDisplay();
  const [isCopied, setCopied] = useState(false);
  useEffect(() => {
    if (!isCopied) return;
    const timer = setTimeout(() => setCopied(false), 2_000);
    return () => clearTimeout(timer);
  }, [isCopied]);
  const copy = () => {
    // Pages without TLS have no clipboard, and a browser may refuse it: the text stands there to be selected.
    navigator.clipboard?.writeText(value).then(
      () => setCopied(true),
      () => {},
    );
  };
  return (
    <button
      type="button"
      className="spine-icon-button"
      onClick={copy}
      title={text("copy")}
      aria-label={`${text(isCopied ? "copied" : "copy")}: ${name}`}
    >
      <Icon name={isCopied ? "done" : "copy"} />
    </button>
  );
}
