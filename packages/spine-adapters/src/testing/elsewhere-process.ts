// Loads into another database, and kills itself as soon as that has committed, before Spine's own one knows of it.
import { createSpine, silentLogger } from "spine-core";
import { afterWriting, appendElsewhere } from "./elsewhere-flow.ts";
import { type Address, databaseAt } from "./places.ts";

const [params = "", own = "", other = ""] = process.argv.slice(2);
const spine = await createSpine({
  database: databaseAt(JSON.parse(own) as Address),
  databases: {
    warehouse: afterWriting(databaseAt(JSON.parse(other) as Address), () => {
      process.kill(process.pid, "SIGKILL");
    }),
  },
  workflows: [appendElsewhere],
  logger: silentLogger,
});
await (await spine.run(appendElsewhere, JSON.parse(params))).result();
await spine.stop();
