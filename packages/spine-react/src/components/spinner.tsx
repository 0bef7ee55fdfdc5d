import { useDisplay } from "./display.ts";

/** Says that something is on its way. */
export function Spinner({ label }: { readonly label?: string | undefined }) {
  const { text } = useDisplay();
  return (
    <span className="spine-root spine-spinner" role="status">
      <svg className="spine-icon" data-icon="RUNNING" viewBox="0 0 16 16" aria-hidden="true">
        <path d="M8 1.75a6.25 6.25 0 1 1-6.25 6.25" />
      </svg>
      {label ?? text("loading")}
    </span>
  );
}
