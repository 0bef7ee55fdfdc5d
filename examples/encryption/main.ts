import { randomBytes } from "node:crypto";
import { sqlite } from "spine-adapters/databases";
import { createSpine, defineWorkflow, encryptPayloads } from "spine-core";
import { z } from "zod";

const file = process.argv[2] ?? "patients.db";
// 32 random bytes each, or their base64 text; yours come from the environment or a vault.
const january = process.env.SPINE_KEY_2026_01 ?? randomBytes(32).toString("base64");
const july = process.env.SPINE_KEY_2026_07 ?? randomBytes(32).toString("base64");

const admit = defineWorkflow({ name: "demo.admit", params: z.object({ patient: z.string() }) })
  .step("look_up", ({ params }) => ({ name: params.patient, ward: 7 }))
  .step("greet", ({ outputs }) => `${outputs.look_up.name}, ward ${outputs.look_up.ward}`);

const first = await createSpine({
  database: sqlite(file),
  workflows: [admit],
  payloads: encryptPayloads({ keys: { "2026-01": january }, use: "2026-01" }),
});
const run = await first.run(admit, { patient: "Ada" });
console.log((await run.result()).outputs.greet);
await first.stop();

// Later: new values are written with the new key, old ones are read with theirs.
await using later = await createSpine({
  database: sqlite(file),
  workflows: [admit],
  payloads: encryptPayloads({ keys: { "2026-07": july, "2026-01": january }, use: "2026-07" }),
});
console.log((await later.get(run.id)).run.params);
