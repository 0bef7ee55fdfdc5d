// @vitest-environment jsdom
import { render, screen } from "@testing-library/react";
import { defineWorkflow } from "spine-core";
import { createClient } from "spine-http/client";
import { expect, test } from "vitest";
import { SpineProvider } from "../provider.tsx";
import { serve } from "../testing/serve.ts";
import { usePipelineStatus } from "./use-pipeline-status.ts";

const gated = defineWorkflow({ name: "demo.gated" })
  .step("before", () => 1)
  .wait("go", { signal: "go" })
  .step("after", () => 2);

function Shown({ runId }: { readonly runId: string }) {
  const { run, steps, isLoading, error, connection } = usePipelineStatus(runId);
  return (
    <p>
      {isLoading ? "loading" : `${run?.status} ${error?.message ?? ""} ${connection}`}{" "}
      {steps.map(({ name, status }) => `${name} ${status}`).join(", ")}
    </p>
  );
}

test("follows a run by events, over HTTP", async () => {
  const { spine, url, asked } = await serve({ workflows: [gated] });
  const run = await spine.run(gated, {});
  const client = createClient({ baseUrl: url });
  render(
    <SpineProvider client={client}>
      <Shown runId={run.id} />
    </SpineProvider>,
  );
  expect(screen.getByText("loading", { exact: false })).toBeTruthy();
  await screen.findByText("WAITING live", { exact: false });
  const before = asked.length;
  await spine.signal(run.id, "go", null);
  await screen.findByText("COMPLETED", { exact: false });
  console.log(asked, before);
});
