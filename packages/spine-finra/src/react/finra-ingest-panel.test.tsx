// @vitest-environment jsdom
import { cleanup, render, screen, waitFor } from "@testing-library/react";
import { userEvent } from "@testing-library/user-event";
import { useState } from "react";
import { memory } from "spine-adapters/databases";
import { createSpine, type Spine, silentLogger } from "spine-core";
import { createHandler, HttpProblem, insecureNoAuth, type SpineHandler } from "spine-http";
import { createClient, type Status } from "spine-http/client";
import { SpineProvider } from "spine-react";
import { Toaster } from "spine-react/components";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { finraOperations } from "../http/finra-operations.ts";
import { finra } from "../plugin.ts";
import { type FinraServer, startFinraServer } from "../testing/server/finra-server.ts";
import { type ChosenWeek, FinraIngestPanel } from "./index.ts";

let server: FinraServer;
let spine: Spine;
let handler: SpineHandler;
let isClosed = false;

beforeAll(async () => {
  server = await startFinraServer({ symbols: 10, weeks: 8 });
  const local = { origin: "SAMPLE", baseUrl: server.url, allowPrivate: true };
  spine = await createSpine({
    database: memory(),
    plugins: [finra({ queryApi: local })],
    logger: silentLogger,
  });
  handler = createHandler(spine, {
    basePath: "/spine",
    auth: insecureNoAuth({ allowRemote: true }),
    operations: finraOperations(),
    completeParams({ params }) {
      if (isClosed) throw new HttpProblem("forbidden", "Nothing is started after hours.");
      return { ...(params as object), source: "SAMPLE" };
    },
  });
});
afterEach(cleanup);
afterAll(async () => {
  handler.close();
  await spine.stop();
  await server.close();
});

const completed: Status[] = [];
function Host() {
  const [week, choose] = useState<ChosenWeek>({ tier: "T1", week_ending: "2026-03-06" });
  const [runId, show] = useState<string | null>(null);
  return (
    <>
      <FinraIngestPanel
        week={week}
        onChoose={choose}
        runId={runId}
        onStarted={show}
        onCompleted={(run) => completed.push(run)}
      />
      <Toaster />
    </>
  );
}
const client = createClient({
  baseUrl: "http://localhost/spine",
  fetch: (url, init) => handler.fetch(new Request(url as string, init)),
});
const host = () =>
  render(
    <SpineProvider client={client}>
      <Host />
    </SpineProvider>,
  );

test("the week that is chosen is ingested, and shown until it is there", async () => {
  host();
  await userEvent.click(screen.getByRole("radio", { name: "T2" }));
  await userEvent.click(screen.getByRole("button", { name: "The week before" }));
  expect(screen.getByText("Monday 2026-02-23 to Friday 2026-02-27")).toBeTruthy();
  await userEvent.click(screen.getByRole("button", { name: "Run ingestion" }));
  await screen.findByRole("heading", { name: "T2, week ending 2026-02-27" });
  await screen.findByText(/^Processed \d+ records$/, {}, { timeout: 10_000 });
  await waitFor(() => expect(completed).toHaveLength(1));
  expect(completed[0]).toMatchObject({
    status: "COMPLETED",
    partition: { tier: "T2", week_start: "2026-02-23" },
  });
  // The very same again is another run: it was asked for twice.
  await userEvent.click(screen.getByRole("button", { name: "Run ingestion" }));
  await waitFor(() => expect(completed).toHaveLength(2), { timeout: 10_000 });
  expect(completed[0]?.execution_id).not.toBe(completed[1]?.execution_id);
});

test("what is not started says why", async () => {
  host();
  isClosed = true;
  await userEvent.click(screen.getByRole("button", { name: "Run ingestion" }));
  await screen.findByText("Nothing is started after hours.");
  isClosed = false;
});
