import { useServer } from "./use-server.ts";

/** What this is, whether its data are real, and whether the server answers. */
export function Header({ isSample }: { readonly isSample: boolean }) {
  const { isAway } = useServer();
  return (
    <header className="spine-root desk-header">
      <svg viewBox="0 0 32 32" aria-hidden="true">
        <rect width="32" height="32" rx="8" />
        <path d="M9 24V17M16 24V8M23 24V13" />
      </svg>
      <h1>Trading desktop</h1>
      {isSample && (
        <span className="desk-sample" title="Generated data from a local server, no real trades">
          Sample
        </span>
      )}
      <p className="desk-server" data-away={isAway} role="status">
        {isAway ? "The server does not answer. Trying again…" : "Connected"}
      </p>
    </header>
  );
}
