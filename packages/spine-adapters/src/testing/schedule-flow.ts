import { defineWorkflow } from "spine-core";
import { z } from "zod";

/** What the processes of a schedule run: nothing that takes long. */
export const tickFlow = defineWorkflow({ name: "demo.tick", params: z.object({ at: z.string() }) }).step(
  "note",
  ({ params }) => params.at,
);
