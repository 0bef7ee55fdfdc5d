import type { SpineClient } from "spine-http/client";
import type { DesktopOperations } from "../../finra-weekly/desktop-operations.ts";

/** What the command that serves this page answers beside Spine: see finra-weekly/desktop-operations.ts. */
export function desktopApi(client: SpineClient) {
  const desktop = client as unknown as SpineClient<DesktopOperations>;
  return {
    settings: (signal: AbortSignal) => desktop.get("/desktop", { signal }),
    disturb: (by: "delay" | "refusal") => desktop.post("/desktop/disturb", { body: { by } }),
  };
}
