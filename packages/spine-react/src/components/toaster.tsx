import { useEffect, useMemo, useState, useSyncExternalStore } from "react";
import { Button } from "./button.tsx";
import { useDisplay } from "./display.ts";
import { ErrorRefs } from "./error-banner.tsx";
import { factsOf } from "./error-of.ts";
import { Icon, toneOf } from "./icon.tsx";
import { type NewToast, type Toast, toastStore } from "./toast-store.ts";
import { useKeptFocus } from "./use-kept-focus.ts";
import { Words } from "./words.tsx";

export interface Toasts {
  /** Returns its id. */
  show(toast: NewToast): number;
  success(title: string, detail?: string): number;
  /** With a retry where `onRetry` is given and the same again may go well; it stays until it is dismissed. */
  error(error: Error, options?: { readonly title?: string; readonly onRetry?: () => void }): number;
  dismiss(id: number): void;
}

/** Tells something at the edge of the page, where a `<Toaster>` stands. */
export function useToast(): Toasts {
  const { text } = useDisplay();
  return useMemo(
    () => ({
      show: toastStore.add,
      success: (title, detail) => toastStore.add({ kind: "success", title, detail: detail ?? null }),
      error(error, { title, onRetry } = {}) {
        const facts = factsOf(error);
        return toastStore.add({
          kind: "error",
          title: title ?? facts.title ?? text("errorTitle"),
          detail: facts.detail,
          error,
          onRetry: facts.isRetryable && onRetry ? onRetry : null,
        });
      },
      dismiss: toastStore.dismiss,
    }),
    [text],
  );
}

/** Where toasts appear: once in a page. Screen readers hear of good news politely, of errors at once. */
export function Toaster() {
  const { text } = useDisplay();
  const toasts = useSyncExternalStore(toastStore.subscribe, toastStore.all, toastStore.none);
  const kept = useKeptFocus<HTMLElement>();
  const listOf = (isError: boolean) =>
    toasts
      .filter(({ kind }) => (kind === "error") === isError)
      .map((toast) => <ToastItem key={toast.id} toast={toast} />);
  return (
    <section className="spine-root spine-toaster" aria-label={text("notifications")} tabIndex={-1} {...kept}>
      {/* Both are there from the start: a region that comes with its text is not read. */}
      <div role="status">{listOf(false)}</div>
      <div role="alert">{listOf(true)}</div>
    </section>
  );
}

const ICONS = { success: "COMPLETED", error: "FAILED", info: "INFO" } as const;

function ToastItem({ toast }: { readonly toast: Toast }) {
  const { text } = useDisplay();
  const { id, kind, title, detail, error, onRetry, durationMs } = toast;
  const [isHeld, setHeld] = useState(false);
  const dismiss = () => toastStore.dismiss(id);
  useEffect(() => {
    if (isHeld || durationMs === null) return;
    const timer = setTimeout(() => toastStore.dismiss(id), durationMs);
    return () => clearTimeout(timer);
  }, [id, durationMs, isHeld]);
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: it stays while somebody looks at it; there is nothing to press
    <div
      className="spine-toast"
      data-tone={toneOf(ICONS[kind])}
      onPointerEnter={() => setHeld(true)}
      onPointerLeave={() => setHeld(false)}
      onFocus={() => setHeld(true)}
      onBlur={() => setHeld(false)}
    >
      <Icon name={ICONS[kind]} />
      <div className="spine-error-body">
        <strong>{title}</strong>
        {detail && (
          <p>
            <Words>{detail}</Words>
          </p>
        )}
        {error && <ErrorRefs error={error} />}
        {onRetry && (
          <Button
            onClick={() => {
              dismiss();
              onRetry();
            }}
          >
            {text("retry")}
          </Button>
        )}
      </div>
      <button
        type="button"
        className="spine-icon-button"
        onClick={dismiss}
        aria-label={`${text("dismiss")}: ${title}`}
      >
        <Icon name="close" />
      </button>
    </div>
  );
}
