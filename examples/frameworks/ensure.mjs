// Installs the frameworks into examples/frameworks/node_modules when they are missing or stale: for the test beside it.
import { ensureFolder } from "../../tools/ensure-folder.mjs";

await ensureFolder(import.meta.dirname, "the frameworks that spine-http is tested in (half a minute)");
