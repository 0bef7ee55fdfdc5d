/** Something to tell at the edge of the page. */
export interface Toast {
  readonly id: number;
  readonly kind: "success" | "error" | "info";
  readonly title: string;
  readonly detail: string | null;
  /** What the API has said: its code and request id are shown. */
  readonly error: Error | null;
  readonly onRetry: (() => void) | null;
  /** How long it stays, in ms; null: until it is dismissed. */
  readonly durationMs: number | null;
}

export type NewToast = Pick<Toast, "kind" | "title"> & Partial<Omit<Toast, "id">>;

const SUCCESS_MS = 6_000;
/** Nobody reads an error that is gone sooner. */
const SHORTEST_ERROR_MS = 10_000;
const MOST = 5;
const NONE: readonly Toast[] = [];

let toasts = NONE;
let ids = 0;
const listeners = new Set<() => void>();

function set(next: readonly Toast[]): void {
  toasts = next;
  for (const listener of listeners) listener();
}

/** The toasts of a page: one list, whoever shows it. */
export const toastStore = {
  subscribe(listener: () => void): () => void {
    listeners.add(listener);
    return () => listeners.delete(listener);
  },
  all: (): readonly Toast[] => toasts,
  /** On a server there is nobody to tell. */
  none: (): readonly Toast[] => NONE,
  add(toast: NewToast): number {
    const isError = toast.kind === "error";
    const asked = toast.durationMs === undefined ? (isError ? null : SUCCESS_MS) : toast.durationMs;
    const durationMs = asked !== null && isError ? Math.max(asked, SHORTEST_ERROR_MS) : asked;
    const made: Toast = { detail: null, error: null, onRetry: null, ...toast, durationMs, id: ++ids };
    // Errors that nobody has read stay when there are too many.
    const kept = toasts.length < MOST ? toasts : toasts.filter((_, index) => index !== oldest(toasts));
    set([...kept, made]);
    return made.id;
  },
  dismiss(id: number): void {
    set(toasts.filter((toast) => toast.id !== id));
  },
  clear: (): void => set(NONE),
};

function oldest(all: readonly Toast[]): number {
  return Math.max(
    0,
    all.findIndex(({ kind }) => kind !== "error"),
  );
}
