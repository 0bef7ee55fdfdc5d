import { type ReactNode, useEffect, useId, useRef } from "react";
import { Button } from "./button.tsx";
import { Heading } from "./card.tsx";
import { useDisplay } from "./display.ts";
import { ErrorBanner } from "./error-banner.tsx";

interface DialogProps {
  readonly title: string;
  readonly onClose: () => void;
  /** What its main button does; the dialog is closed by whoever shows it. */
  readonly onConfirm: () => void;
  readonly confirm: string;
  /** The button that leaves everything as it is; "Cancel" when left out. */
  readonly dismiss?: string | undefined;
  readonly isDanger?: boolean | undefined;
  readonly isPending?: boolean | undefined;
  readonly isDisabled?: boolean | undefined;
  readonly error?: Error | null | undefined;
  readonly children?: ReactNode;
}

/** A question before something is done. The browser keeps the focus in it, closes it with Escape. */
export function Dialog(props: DialogProps) {
  const {
    title,
    onClose,
    onConfirm,
    confirm,
    isDanger = false,
    isPending,
    isDisabled,
    error,
    children,
  } = props;
  const { text } = useDisplay();
  const id = useId();
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const element = dialog.current;
    const opener = document.activeElement;
    // The DOMs that hosts test with know no modal dialogs: there it stands in the page.
    if (typeof element?.showModal !== "function") element?.setAttribute("open", "");
    else if (!element.open) element.showModal();
    return () => {
      if (typeof element?.close === "function") element.close();
      // By then it has left the page, and the browser gives the focus back to nobody.
      if (opener instanceof HTMLElement) opener.focus();
    };
  }, []);
  return (
    <dialog
      ref={dialog}
      className="spine-root spine-dialog"
      aria-labelledby={id}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
    >
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (!isPending && !isDisabled) onConfirm();
        }}
      >
        <Heading id={id} level={2}>
          {title}
        </Heading>
        {children}
        {error && <ErrorBanner error={error} />}
        <div className="spine-dialog-buttons">
          <Button onClick={onClose}>{props.dismiss ?? text("cancel")}</Button>
          <Button
            type="submit"
            look={isDanger ? "danger" : "primary"}
            isPending={isPending}
            aria-disabled={isDisabled || undefined}
          >
            {confirm}
          </Button>
        </div>
      </form>
    </dialog>
  );
}
