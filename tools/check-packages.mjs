// Proves that what would be published works: builds, packs, lints the tarballs (publint, attw), installs them into an
// empty folder and imports every entry with plain `node`. It needs no network.
import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { publint } from "publint";
import { formatMessage } from "publint/utils";

const root = fileURLToPath(new URL("..", import.meta.url));
// Outside the repository, where no parent folder has a node_modules that could answer for a forgotten dependency.
const temp = mkdtempSync(join(tmpdir(), "spine-packages-"));
const packages = readdirSync(join(root, "packages")).map((folder) =>
  JSON.parse(readFileSync(join(root, "packages", folder, "package.json"), "utf8")),
);

try {
  run("npm", ["run", "--silent", "build"]);
  for (const pkg of packages) {
    const tarball = pack(pkg);
    await lint(pkg, tarball);
    install(pkg, tarball);
  }
  const entries = packages.flatMap(({ name, exports }) =>
    Object.keys(exports)
      .filter(isCode)
      .map((path) => name + path.slice(1)),
  );
  for (const entry of entries) importWithPlainNode(entry);
  renderWithPlainNode();
  keepErrorNames();
  keepThreadFile();
  console.log(`packages ok: ${packages.map((pkg) => pkg.name).join(", ")}; imported ${entries.join(", ")}`);
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
} finally {
  rmSync(temp, { recursive: true });
}

function pack({ name, version }) {
  run("npm", ["pack", "--silent", "--workspace", name, "--pack-destination", temp]);
  return join(temp, `${name}-${version}.tgz`);
}

async function lint({ name, exports }, tarball) {
  const { messages, pkg } = await publint({
    pack: { tarball: new Uint8Array(readFileSync(tarball)).buffer },
    strict: true,
  });
  if (messages.length > 0) {
    const lines = messages.map(
      (message) => `  ${message.type}: ${formatMessage(message, pkg, { color: false })}`,
    );
    throw new Error(`publint on ${name}:\n${lines.join("\n")}`);
  }
  // Styles have no types.
  const styles = Object.keys(exports).filter((path) => !isCode(path));
  const without = styles.length > 0 ? ["--exclude-entrypoints", ...styles] : [];
  const options = ["--profile", "esm-only", "--no-definitely-typed", "--no-color", "--format", "ascii"];
  run("attw", [tarball, ...options, ...without]);
}

function isCode(path) {
  return !path.endsWith(".css");
}

/** Unpacks it beside the other packages; of the third-party ones it finds those that its package.json names, no others. */
function install({ name, dependencies = {}, peerDependencies = {} }, tarball) {
  const folder = join(temp, "node_modules", name);
  mkdirSync(folder, { recursive: true });
  run("tar", ["-xzf", tarball, "-C", folder, "--strip-components=1"]);
  for (const dependency of Object.keys({ ...dependencies, ...peerDependencies })) {
    if (packages.some((pkg) => pkg.name === dependency)) continue;
    const link = join(folder, "node_modules", dependency);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(join(root, "node_modules", dependency), link, "junction");
  }
}

function importWithPlainNode(entry) {
  const file = join(temp, "import.mjs");
  writeFileSync(
    file,
    `const names = Object.keys(await import(${JSON.stringify(entry)}));
     if (names.length === 0) throw new Error("it exports nothing");`,
  );
  run(process.execPath, [file], `import "${entry}" from its built package`);
}

/** A component that is only imported may have been compiled to something that does not run. */
function renderWithPlainNode() {
  // A host's own, one for all packages.
  for (const name of ["react", "react-dom", "@tanstack/react-query"]) {
    const link = join(temp, "node_modules", name);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(join(root, "node_modules", name), link, "junction");
  }
  const file = join(temp, "render.mjs");
  writeFileSync(
    file,
    `import { createElement } from "react";
     import { renderToString } from "react-dom/server";
     import { TradeActivityChart } from "spine-finra/react";
     import { createClient } from "spine-http/client";
     import { SpineProvider } from "spine-react";
     import { PipelineStatusCard, RunsTable, StepTimeline } from "spine-react/components";
     const page = createElement(
       SpineProvider,
       { client: createClient({ baseUrl: "/spine" }) },
       createElement(PipelineStatusCard, { runId: null }),
       createElement(StepTimeline, { runId: null }),
       createElement(RunsTable, {}),
       createElement(TradeActivityChart, { tier: "T1" }),
     );
     const html = renderToString(page);
     for (const text of ["No run yet", "No steps yet", "Runs", "Trade activity"])
       if (!html.includes(text)) throw new Error(\`"\${text}" is not in \${html}\`);`,
  );
  run(process.execPath, [file], "components of the built packages");
}

/** Logs, stored errors and clients tell errors apart by name; a bundler may rename a class. */
function keepErrorNames() {
  const file = join(temp, "errors.mjs");
  writeFileSync(
    file,
    `import * as core from "spine-core";
     const errors = [
       new core.SpineError("INTERNAL", "m"),
       ...["SourceError", "ValidationError", "TransientError", "QualityError"].map((name) => new core[name]("m")),
     ];
     const names = [...errors, ...errors.map((error) => core.SpineError.fromJSON(error.toJSON()))].map(({ name }) => name);
     const once = ["SpineError", "SourceError", "ValidationError", "TransientError", "QualityError"];
     if (names.join() !== [...once, ...once].join()) throw new Error("errors are named " + names.join(", "));`,
  );
  run(process.execPath, [file], "the names of the errors in the built spine-core");
}

/** Without its file no thread beats on Postgres; the main thread would go on doing it, and nobody would notice. */
function keepThreadFile() {
  const dist = join(temp, "node_modules", "spine-adapters", "dist", "databases");
  const named = readFileSync(join(dist, "index.js"), "utf8").includes('"./beat-thread.js"');
  if (!named || !existsSync(join(dist, "beat-thread.js"))) {
    throw new Error(
      `The built spine-adapters does not find the thread of its beats beside databases/index.js`,
    );
  }
}

function run(command, args, title = [command, ...args].join(" ")) {
  const { NODE_OPTIONS: _, ...env } = process.env;
  const { error, status, stdout, stderr } = spawnSync(command, args, {
    cwd: command === process.execPath ? temp : root,
    encoding: "utf8",
    env: {
      ...env,
      PATH: `${join(root, "node_modules", ".bin")}${process.platform === "win32" ? ";" : ":"}${env.PATH}`,
    },
    shell: process.platform === "win32" && command !== process.execPath,
  });
  if (status !== 0) throw new Error(`${title} failed:\n${error?.message ?? ""}${stdout}${stderr}`);
}
