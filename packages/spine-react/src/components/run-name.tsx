import type { MouseEvent, ReactNode } from "react";
import type { Run } from "spine-http/client";

/** Where a run is shown: Spine's components know no router. */
export interface RunLinks {
  /** Its address: makes a link of it. */
  readonly hrefOf?: ((executionId: string) => string) | undefined;
  /** Called instead of following the link, unless a key is held that opens it elsewhere. */
  readonly onOpen?: ((executionId: string) => void) | undefined;
}

interface RunNameProps extends RunLinks {
  readonly run: Pick<Run, "execution_id">;
  readonly children: ReactNode;
}

export function RunName({ run, hrefOf, onOpen, children }: RunNameProps) {
  const id = run.execution_id;
  const open = (event: MouseEvent) => {
    if (!onOpen || event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    onOpen(id);
  };
  if (hrefOf)
    return (
      <a className="spine-link" href={hrefOf(id)} onClick={open}>
        {children}
      </a>
    );
  if (!onOpen) return <>{children}</>;
  return (
    <button type="button" className="spine-link" onClick={open}>
      {children}
    </button>
  );
}

/** `week 2026-01-05 · tier T1` */
export function PartitionName({ partition }: { readonly partition: Run["partition"] }) {
  if (partition === null) return null;
  return (
    <>
      {Object.entries(partition).map(([name, value]) => (
        <span key={name} className="spine-chip">
          {name} <b>{value}</b>
        </span>
      ))}
    </>
  );
}
