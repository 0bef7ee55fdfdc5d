import { useState } from "react";
import { useSpine } from "spine-react";
import { Button, Card, CardContent, useToast } from "spine-react/components";
import { desktopApi } from "./desktop-api.ts";

/** Lets the local server of the sample misbehave once: to see what becomes of a run. */
export function SampleControls() {
  const { client } = useSpine();
  const toast = useToast();
  const [isPending, setPending] = useState(false);
  const disturb = async (by: "delay" | "refusal", told: string) => {
    setPending(true);
    try {
      await desktopApi(client).disturb(by);
      toast.show({ kind: "info", title: told });
    } catch (error) {
      toast.error(error as Error, { onRetry: () => void disturb(by, told) });
    } finally {
      setPending(false);
    }
  };
  return (
    <Card title="Try what goes wrong" headingLevel={2} className="sample">
      <CardContent>
        <p>The local server with the sample data can misbehave once, so that you see what a run does.</p>
        <div className="sample-buttons">
          <Button
            isPending={isPending}
            onClick={() => void disturb("delay", "The next request for rows is answered slowly.")}
          >
            Slow down
          </Button>
          <Button
            isPending={isPending}
            onClick={() => void disturb("refusal", "The next request for rows is refused.")}
          >
            Refuse
          </Button>
        </div>
      </CardContent>
    </Card>
  );
}
