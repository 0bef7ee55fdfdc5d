import { type ReactNode, useState } from "react";
import { BackfillDialog } from "./backfill-dialog.tsx";
import { Button } from "./button.tsx";
import { ApprovalDialog, RerunDialog, SignalDialog } from "./run-dialogs.tsx";
import { cells, httpError } from "./testing/fixtures.ts";
import type { Meta, Story } from "./testing/story.ts";

export default { title: "Dialogs", component: BackfillDialog } satisfies Meta;

/** A dialog lies above all stories: it opens when it is asked for. */
function Opened({
  name,
  children,
}: {
  readonly name: string;
  readonly children: (close: () => void) => ReactNode;
}) {
  const [isOpen, setOpen] = useState(false);
  return (
    <div className="spine-root">
      <Button onClick={() => setOpen(true)}>{name}</Button>
      {isOpen && children(() => setOpen(false))}
    </div>
  );
}

const plan = cells
  .filter(({ state }) => state === "MISSING")
  .map(({ partition, key, state }) => ({ partition, key, params: {}, state, loads: true }));

export const Backfill: Story = {
  render: () => (
    <Opened name="Backfill">
      {(close) => (
        <BackfillDialog
          table="finra_otc_weekly"
          selected={cells.slice(0, 3)}
          preview={() => Promise.resolve(plan)}
          start={() => Promise.reject(httpError)}
          error={httpError}
          onClose={close}
        />
      )}
    </Opened>
  ),
};
export const Rerun: Story = {
  render: () => (
    <Opened name="Rerun">
      {(close) => (
        <RerunDialog
          steps={["fetch", "transform", "load"]}
          isPending={false}
          error={null}
          onSend={close}
          onClose={close}
        />
      )}
    </Opened>
  ),
};
export const Signal: Story = {
  render: () => (
    <Opened name="Signal">
      {(close) => (
        <SignalDialog names={["go"]} isPending={false} error={null} onSend={close} onClose={close} />
      )}
    </Opened>
  ),
};
export const Approval: Story = {
  render: () => (
    <Opened name="Approval">
      {(close) => (
        <ApprovalDialog
          steps={["review", "legal/sign-off"]}
          isPending={false}
          error={null}
          onSend={close}
          onClose={close}
        />
      )}
    </Opened>
  ),
};
