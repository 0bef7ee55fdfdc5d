// Runs before `npm start`, on any Node >= 18: builds the page where that has not been done. That runs on the Node that npm has
// installed, which the shell that called this may not know yet.
import { spawnSync } from "node:child_process";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const PATH = [join(root, "node_modules", ".bin"), process.env.PATH].join(delimiter);
const { status } = spawnSync("node", ["--conditions=spine-source", "examples/trading-desktop/ensure.ts"], {
  cwd: root,
  env: { ...process.env, PATH },
  stdio: ["ignore", 2, 2],
  shell: process.platform === "win32",
});
if (status !== 0) {
  process.stderr.write("The page could not be built; what is wrong stands above.\n");
  process.exit(1);
}
