// Fails when an import goes where it must not: `node tools/check-boundaries.mjs [root]`.
// These tables are the rules; the code below only applies them.

/** Package → what its sources may import of ours; tests and testing/ folders may import `inTests` as well. */
const PACKAGES = {
  "spine-core": { uses: [], inTests: [] },
  "spine-adapters": { uses: ["spine-core"], inTests: ["spine-core/testing"] },
  "spine-finra": {
    uses: [
      "spine-core",
      "spine-adapters/sources",
      "spine-http",
      "spine-http/client",
      "spine-react",
      "spine-react/*",
    ],
    inTests: ["spine-core/testing", "spine-adapters/*"],
  },
  "spine-http": { uses: ["spine-core"], inTests: ["spine-core/testing", "spine-adapters/*"] },
  "spine-react": {
    uses: ["spine-http/client"],
    inTests: ["spine-http/*", "spine-core", "spine-core/testing", "spine-adapters/*"],
  },
};

/** What tests of packages may import by path all the same: no package ships its tests. */
const FOR_TESTS = ["tools/bundle-process.ts", "tools/chromium.ts", "tools/path-spellings.ts"];

/** Folders outside packages/ may import every package by its name. Nothing imports the ones marked as leaves. */
const FOLDERS = { examples: { leaf: true }, bench: { leaf: true }, tools: { leaf: false } };

/**
 * Inside spine-core/src a file imports files of its own layer and of the layers above it in this list; tests may import
 * all. `x/*` is a folder, without the files of it that stand in a row of their own. Each file stands in a row.
 */
const CORE_LAYERS = [
  [
    "leaves",
    "storable-text errors check-text shown schema-issues json ids clock duration instant check-options logger registry context map-leaves redaction secret payload-codec encrypt-payloads data/decimal data/mark data/table",
  ],
  [
    "contracts",
    "workflow/* history/* database/* data/dataset data/reject-store data/staged-rows data/column-block data/merge data/partition-values sources/source sources/rate-budgets quality/quality-check partitions/period scheduler/schedule scheduler/schedule-store alerts/* runner/runner runner/durable runner/plan plugin config events",
  ],
  ["engine", "runner/* quality/* partitions/* scheduler/* alerting/* diagnose"],
  ["spine", "spine spine-options create-spine"],
  ["index", "index"],
  ["testing", "testing/*"],
];

/** What ends in a browser must not reach these. */
const BROWSER = {
  files:
    /^(packages\/(spine-react\/src\/|spine-http\/src\/client|spine-finra\/src\/(client|react)\/)|examples\/trading-desktop\/src\/)/,
  forbidden: /^(node:.*|kysely(\/.*)?|spine-core(\/.*)?|spine-adapters(\/.*)?|spine-(http|finra))$/,
};

/** spine-core knows databases by its own interfaces; what talks to one stands in spine-adapters. */
const DRIVERS = /^(better-sqlite3|node:sqlite|pg(-[a-z-]+)?|ibm_db)(\/.*)?$/;

// Beyond the tables: no package makes a `require` of its own, for nobody sees what it loads; another package is imported
// by its name, never by a path into its folder; and files must not import each other in a circle at run time
// (`import type` may, for types have no order of loading).

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve, sep } from "node:path";
import { importsOf } from "./imports-of.mjs";

const CORE = "packages/spine-core/src/";
const SOURCE_FILE = /\.([cm]?[tj]s|[tj]sx)$/;
const root = resolve(process.argv[2] ?? ".");
const files = [...Object.keys(FOLDERS), "packages"].flatMap((folder) => sourcesIn(join(root, folder))).sort();
const known = new Set(files);
const violations = [];
/** file → the files that it loads at run time, with the import that does. */
const loads = new Map();

for (const file of files) {
  if (isInCore(file) && !isTest(file, false) && layerOf(file.slice(CORE.length)) < 0)
    violations.push(`${file} is in no layer of spine-core: name it in tools/check-boundaries.mjs`);
  const edges = new Map();
  loads.set(file, edges);
  for (const found of importsOf(readFileSync(join(root, file), "utf8"))) {
    const target = found.specifier.startsWith(".") ? targetOf(file, found.specifier) : null;
    const broken = target === null ? brokenByName(file, found.specifier) : brokenByPath(file, target);
    if (broken) report(file, found, broken);
    if (target !== null && known.has(target) && !found.typeOnly && !edges.has(target))
      edges.set(target, found);
  }
}
for (const cycle of cyclesIn(loads)) {
  const [first, next] = cycle;
  report(first, loads.get(first).get(next), `import cycle: ${[...cycle, first].map(short).join(" → ")}`);
}

if (violations.length > 0) {
  console.log(violations.join("\n"));
  process.exitCode = 1;
} else {
  console.log(`boundaries ok: ${files.length} files`);
}

function report(file, { line, specifier }, rule) {
  violations.push(`${file}:${line} imports ${specifier}: ${rule}`);
}

/** An import by name: `spine-core/testing`, `node:fs`, `zod`. */
function brokenByName(file, specifier) {
  if (BROWSER.files.test(file) && !isTest(file) && BROWSER.forbidden.test(specifier)) {
    return `${packageOf(file)} runs in browsers and must not reach ${specifier}`;
  }
  if (isInCore(file) && DRIVERS.test(specifier)) {
    return "spine-core knows no driver; what needs one stands in spine-adapters";
  }
  if (file.startsWith("packages/") && !isTest(file) && /^(node:)?module$/.test(specifier)) {
    return "packages are ESM only: import what createRequire would load";
  }
  const [name] = specifier.split("/");
  if (name === "spine-examples") return "nothing imports examples/";
  if (!name.startsWith("spine-")) return null;
  if (/^[^/]+\/(src|dist)(\/|$)/.test(specifier)) return `import what ${name} exports, not its files`;
  const own = packageOf(file);
  if (own === null) return null;
  if (name === own) return "inside a package, import by relative path";
  const rule = PACKAGES[own];
  if (!rule) return `${own} is not in the table of packages in tools/check-boundaries.mjs`;
  const allowed = isTest(file) ? [...rule.uses, ...rule.inTests] : rule.uses;
  if (allowed.some((one) => one === specifier || one === `${name}/*`)) return null;
  const only = allowed.length > 0 ? `only ${allowed.join(", ")}` : "nothing of ours";
  return `${isTest(file) ? `tests of ${own} may` : `${own} may`} import ${only}`;
}

/** An import by relative path, already resolved to a path below the root. */
function brokenByPath(file, target) {
  const [from, to] = [homeOf(file), homeOf(target)];
  if (from !== to) {
    if (to.startsWith("packages/")) return `import ${to.replace("packages/", "")} by its name, not by a path`;
    if (FOLDERS[to]?.leaf) return `nothing imports ${to}/`;
    const isAllowed = isTest(file, false) && FOR_TESTS.includes(target);
    if (from.startsWith("packages/") && !isAllowed) return "a package imports nothing outside its folder";
  }
  if (isTest(file, false) || !isInCore(file) || !isInCore(target)) return null;
  const [own, other] = [layerOf(file.slice(CORE.length)), layerOf(target.slice(CORE.length))];
  // What is in no layer is reported as such.
  if (own < 0 || other <= own) return null;
  return `spine-core's ${CORE_LAYERS[own][0]} must not import its ${CORE_LAYERS[other][0]}`;
}

function isInCore(file) {
  return file.startsWith(CORE);
}

/** The row that names the file, else the one that names its folder; -1 when there is none. */
function layerOf(path) {
  const rowOf = (name) => CORE_LAYERS.findIndex(([, members]) => members.split(" ").includes(name));
  const own = rowOf(path.replace(SOURCE_FILE, ""));
  return own >= 0 ? own : rowOf(`${path.split("/")[0]}/*`);
}

/** `packages/spine-core` or `examples`: the folder whose files may import each other by path. */
function homeOf(file) {
  const [first, second] = file.split("/");
  return first === "packages" ? `${first}/${second}` : first;
}

function packageOf(file) {
  return file.startsWith("packages/") ? file.split("/")[1] : null;
}

function isTest(file, testingFolder = true) {
  return /\.test(-d)?\.[cm]?tsx?$/.test(file) || (testingFolder && /\/src\/(.*\/)?testing\//.test(file));
}

function targetOf(file, specifier) {
  return posix(relative(root, resolve(root, dirname(file), specifier)));
}

function sourcesIn(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return /^(node_modules|dist|\..*)$/.test(entry.name) ? [] : sourcesIn(path);
    return SOURCE_FILE.test(entry.name) ? [posix(relative(root, path))] : [];
  });
}

function posix(path) {
  return path.split(sep).join("/");
}

function short(file) {
  return file.replace(/^packages\//, "").replace("/src/", "/");
}

/** One circle per group of files that reach each other (depth first; a file on the current path closes a circle). */
function cyclesIn(graph) {
  const cycles = [];
  const path = [];
  const done = new Set();
  const visit = (file) => {
    const at = path.indexOf(file);
    if (at >= 0) return cycles.push(path.slice(at));
    if (done.has(file)) return;
    path.push(file);
    for (const next of graph.get(file)?.keys() ?? []) visit(next);
    path.pop();
    done.add(file);
  };
  for (const file of graph.keys()) visit(file);
  return cycles;
}
