import { useDisplay } from "./display.ts";
import { Icon } from "./icon.tsx";

/** Says that something is on its way. */
export function Spinner({ label }: { readonly label?: string | undefined }) {
  const { text } = useDisplay();
  return (
    <span className="spine-root spine-spinner" role="status">
      <Icon name="RUNNING" />
      {label ?? text("loading")}
    </span>
  );
}
