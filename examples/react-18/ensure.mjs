// Installs the oldest React and TanStack Query that spine-react takes when they are missing or stale: for the test beside it.
import { ensureFolder } from "../../tools/ensure-folder.mjs";

await ensureFolder(import.meta.dirname, "the oldest React that spine-react is tested with (a few seconds)");
