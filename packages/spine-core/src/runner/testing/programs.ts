import fc from "fast-check";
import type { JsonValue } from "../../json.ts";
import { Step } from "../../workflow/step.ts";
import { pathIn } from "../../workflow/step-paths.ts";

/** A step of a program at random. What it does depends on its path only, so that a model knows it without running it. */
export type Node =
  | Leaf
  | { readonly kind: "sequence"; readonly steps: readonly Node[] }
  | {
      readonly kind: "parallel";
      readonly branches: readonly Node[];
      readonly collect: boolean;
      readonly taken: boolean;
      readonly limitMs: Limit;
    }
  | {
      readonly kind: "map";
      readonly items: number;
      readonly concurrency: number;
      readonly collect: boolean;
      readonly each: Node;
      readonly taken: boolean;
      readonly limitMs: Limit;
    }
  /** `chosen` is the position of a case; the one behind the last skips the step, a negative one names none that there is. */
  | {
      readonly kind: "choice";
      readonly cases: readonly Node[];
      readonly chosen: number;
      readonly taken: boolean;
      readonly limitMs: Limit;
    }
  | { readonly kind: "sleep"; readonly ms: number }
  /** Without a time, with one in which the signal comes, or one after which it does. */
  | { readonly kind: "signal"; readonly name: "go" | "kept" | "missed"; readonly taken: boolean }
  | {
      readonly kind: "child";
      /** `early`: before anybody looks, so that it counts however short the time of its step is. */
      readonly ends: "completed" | "early" | "failed" | "never";
      readonly taken: boolean;
      readonly limitMs: Limit;
    }
  /** Waits for longer than anything else takes: only the time of what is around it ends it. */
  | { readonly kind: "forever" };

/** The timeout of a step around others, where what is inside fails or does not end; where it ends, the step has `AMPLE` time. */
type Limit = number | null;

interface Leaf {
  readonly kind: "leaf";
  /** How often it fails in a way that is tried again; three times are too often. */
  readonly fails: number;
  /** Fails for good at once, where the sum of the characters of its path is even. */
  readonly fatal: boolean;
  readonly skips: boolean;
  /** Its failure is taken: `onError: "continue"`. */
  readonly taken: boolean;
  readonly undo: boolean;
  /** How often what undoes it fails in a way that is tried again; three times are too often. */
  readonly undoFails: number;
}

export type Program = readonly Node[];

/** How often a failing step is tried. */
export const ATTEMPTS = 3;
/** Longer than programs take, and shorter than for ever. */
export const AMPLE = 1e10;
export const FOREVER = 1e14;

const leaf = fc.record({
  kind: fc.constant("leaf" as const),
  fails: fc.oneof({ weight: 6, arbitrary: fc.constant(0) }, fc.constant(1), fc.constant(2), fc.constant(9)),
  fatal: fc.oneof({ weight: 8, arbitrary: fc.constant(false) }, fc.constant(true)),
  skips: fc.oneof({ weight: 6, arbitrary: fc.constant(false) }, fc.constant(true)),
  taken: fc.oneof({ weight: 4, arbitrary: fc.constant(false) }, fc.constant(true)),
  undo: fc.boolean(),
  undoFails: fc.oneof(
    { weight: 6, arbitrary: fc.constant(0) },
    fc.constant(1),
    fc.constant(2),
    fc.constant(9),
  ),
});

const taken = fc.oneof({ weight: 4, arbitrary: fc.constant(false) }, fc.constant(true));

const limitMs = fc.oneof(
  { weight: 3, arbitrary: fc.constant(null) },
  { weight: 2, arbitrary: fc.integer({ min: 1, max: 5_000 }) },
  fc.constant(1),
);

/** Programs of up to five steps, up to three deep. */
export function programs(): fc.Arbitrary<Program> {
  const { node } = fc.letrec<{ node: Node; inner: Node }>((tie) => {
    const block = fc.oneof(
      { weight: 3, arbitrary: tie("node") },
      fc.record({
        kind: fc.constant("sequence" as const),
        steps: fc.array(tie("node"), { minLength: 1, maxLength: 3 }),
      }),
    );
    return {
      inner: block,
      node: fc.oneof(
        { depthSize: "small", withCrossShrink: true, maxDepth: 3 },
        { weight: 6, arbitrary: leaf },
        fc.record({ kind: fc.constant("sleep" as const), ms: fc.integer({ min: 0, max: 5_000 }) }),
        fc.record({
          kind: fc.constant("signal" as const),
          name: fc.oneof(
            { weight: 4, arbitrary: fc.constant("go" as const) },
            { weight: 4, arbitrary: fc.constant("kept" as const) },
            fc.constant("missed" as const),
          ),
          taken,
        }),
        fc.record({
          kind: fc.constant("child" as const),
          ends: fc.oneof(
            { weight: 3, arbitrary: fc.constant("completed" as const) },
            { weight: 2, arbitrary: fc.constant("early" as const) },
            fc.constant("failed" as const),
            fc.constant("never" as const),
          ),
          taken,
          limitMs,
        }),
        fc.constant({ kind: "forever" as const }),
        {
          weight: 2,
          arbitrary: fc.record({
            kind: fc.constant("parallel" as const),
            branches: fc.array(tie("inner"), { maxLength: 3 }),
            collect: fc.boolean(),
            taken,
            limitMs,
          }),
        },
        {
          weight: 2,
          arbitrary: fc.record({
            kind: fc.constant("map" as const),
            items: fc.integer({ min: 0, max: 4 }),
            concurrency: fc.integer({ min: 1, max: 3 }),
            collect: fc.boolean(),
            each: tie("inner"),
            taken,
            limitMs,
          }),
        },
        fc.record({
          kind: fc.constant("choice" as const),
          cases: fc.array(tie("inner"), { minLength: 1, maxLength: 2 }),
          chosen: fc.oneof({ weight: 8, arbitrary: fc.integer({ min: 0, max: 2 }) }, fc.constant(-1)),
          taken,
          limitMs,
        }),
      ),
    };
  });
  return fc.array(node.map(ending), { minLength: 1, maxLength: 5 });
}

/** A step of the program's own list ends: by its own time, if by nothing else. */
function ending(node: Node): Node {
  if (node.kind === "forever") {
    return { kind: "parallel", branches: [node], collect: false, taken: false, limitMs: 1_000 };
  }
  return mayHang(node) ? ({ ...node, limitMs: 1_000 } as Node) : node;
}

/** True when it may never end by itself. */
function mayHang(node: Node): boolean {
  if (node.kind === "forever") return true;
  if ("limitMs" in node && node.limitMs !== null) return false;
  switch (node.kind) {
    case "child":
      return node.ends === "never";
    case "sequence":
      return node.steps.some(mayHang);
    case "parallel":
      return node.branches.some(mayHang);
    case "map":
      return node.items > 0 && mayHang(node.each);
    case "choice":
      return node.cases.some(mayHang);
    default:
      return false;
  }
}

/** Steps of sequences inside of each other have names of their own. */
function nameInSequence(depth: number, index: number): string {
  return `${"ijklmnopqrtuvwxyz"[depth] ?? "z"}${index}`;
}

/**
 * The step of a node; what its code does is decided where it is run.
 *
 * @param paths its own: inside of a map, one for each item.
 */
export function toStep(node: Node, name: string, paths: readonly string[] = [name], depth = 1): Step {
  const insideOf = (names: readonly string[]) =>
    paths.flatMap((path) => names.map((inner) => pathIn(path, inner)));
  const inner = (one: Node, innerName: string) => toStep(one, innerName, insideOf([innerName]), depth + 1);
  const timeout = timeoutOf(node, paths);
  const limit = timeout === null ? {} : { timeout };
  const code = () => null;
  const onError = isTaken(node) ? "continue" : "stop";
  switch (node.kind) {
    case "leaf":
      return Step.lambda(name, code, {
        retry: { attempts: ATTEMPTS, delay: "1s" },
        onError,
        when: code,
        ...(node.undo ? { undo: code } : {}),
      });
    case "sequence":
      return Step.sequence(
        name,
        node.steps.map((step, index) => inner(step, nameInSequence(depth, index))),
      );
    case "parallel":
      return Step.parallel(
        name,
        node.branches.map((branch, index) => inner(branch, `b${index}`)),
        {
          collect: node.collect,
          onError,
          ...limit,
        },
      );
    case "map":
      return Step.map(name, code, toStep(node.each, "each", insideOf(keysOf(node)), depth + 1), {
        collect: node.collect,
        concurrency: node.concurrency,
        onError,
        ...limit,
      });
    case "choice":
      return Step.choice(
        name,
        code,
        node.cases.map((one, index) => inner(one, `c${index}`)),
        { onError, ...limit },
      );
    case "sleep":
      return Step.wait(name, { for: node.ms });
    case "forever":
      return Step.wait(name, { for: FOREVER });
    case "signal":
      return Step.wait(name, { signal: node.name, onError, ...(node.name === "go" ? {} : { timeout: 1 }) });
    case "child":
      return Step.pipeline(name, "random.child", code, { onError, ...limit });
  }
}

/** Short only where the step fails without it as well, or never ends: then the model need not know how long anything takes. */
function timeoutOf(node: Node, paths: readonly string[]): number | null {
  if (!("limitMs" in node) || node.limitMs === null) return null;
  const fails = paths.every((path) => ["FAILED", "HANGS"].includes(evaluateInside(node, path).status));
  return fails || (node.kind === "child" && node.ends === "early") ? node.limitMs : AMPLE;
}

function keysOf({ items }: Extract<Node, { kind: "map" }>): readonly string[] {
  return Array.from({ length: items }, (_, index) => String(index));
}

/** The node of a path. */
export function nodeAt(program: Program, path: string): Node {
  const [first = "", ...rest] = path.split("/");
  let node = program[Number(first.slice(1))];
  for (const name of rest) node = node && inside(node, name);
  if (!node) throw new Error(`There is no ${path}.`);
  return node;
}

function inside(node: Node, name: string): Node | undefined {
  const position = Number(name.slice(1));
  if (node.kind === "sequence") return node.steps[position];
  if (node.kind === "parallel") return node.branches[position];
  if (node.kind === "choice") return node.cases[position];
  return node.kind === "map" ? node.each : undefined;
}

/** How many steps may wait for a signal without a time, each once. */
export function signalsIn(nodes: readonly Node[]): number {
  let count = 0;
  for (const node of nodes) {
    if (node.kind === "signal") count += node.name === "go" ? 1 : 0;
    else if (node.kind === "sequence") count += signalsIn(node.steps);
    else if (node.kind === "parallel") count += signalsIn(node.branches);
    else if (node.kind === "choice") count += signalsIn(node.cases);
    else if (node.kind === "map") count += node.items * signalsIn([node.each]);
  }
  return count;
}

/** True when a leaf fails for good at once. */
export function isFatal({ fatal }: Leaf, path: string): boolean {
  return fatal && Buffer.from(path).reduce((sum, byte) => sum + byte, 0) % 2 === 0;
}

type Outcome =
  | { readonly status: "COMPLETED"; readonly output: JsonValue }
  | { readonly status: "SKIPPED" | "FAILED" | "HANGS" };

/** How the run of a program ends: the model. */
export function expectedOf(program: Program): {
  readonly status: "COMPLETED" | "FAILED";
  readonly outputs: Readonly<Record<string, JsonValue>>;
} {
  const outputs: Record<string, JsonValue> = {};
  for (const [index, node] of program.entries()) {
    const name = `s${index}`;
    const outcome = evaluate(node, name);
    if (outcome.status === "COMPLETED") outputs[name] = outcome.output;
    if (outcome.status === "FAILED" && !isTaken(node)) return { status: "FAILED", outputs };
  }
  return { status: "COMPLETED", outputs };
}

function isTaken(node: Node): boolean {
  return "taken" in node && node.taken;
}

function evaluate(node: Node, path: string): Outcome {
  const outcome = evaluateInside(node, path);
  const isLimited = "limitMs" in node && node.limitMs !== null;
  return outcome.status === "HANGS" && isLimited ? { status: "FAILED" } : outcome;
}

/** The outcome of a node, if it has all the time that there is. */
function evaluateInside(node: Node, path: string): Outcome {
  switch (node.kind) {
    case "leaf":
      if (node.skips) return { status: "SKIPPED" };
      return isFatal(node, path) || node.fails >= ATTEMPTS
        ? { status: "FAILED" }
        : { status: "COMPLETED", output: path };
    case "sleep":
      return { status: "COMPLETED", output: null };
    case "signal":
      return node.name === "missed" ? { status: "FAILED" } : { status: "COMPLETED", output: node.name };
    case "forever":
      return { status: "HANGS" };
    case "child":
      if (node.ends === "never") return { status: "HANGS" };
      return node.ends === "failed" ? { status: "FAILED" } : { status: "COMPLETED", output: { of: path } };
    case "sequence": {
      let last: JsonValue = null;
      for (const [index, step] of node.steps.entries()) {
        const outcome = evaluate(step, pathIn(path, nameInSequence(path.split("/").length, index)));
        if (outcome.status === "HANGS") return outcome;
        if (outcome.status === "FAILED" && !isTaken(step)) return { status: "FAILED" };
        last = outcome.status === "COMPLETED" ? outcome.output : null;
      }
      return { status: "COMPLETED", output: last };
    }
    case "choice": {
      const chosen = node.cases[node.chosen];
      if (node.chosen < 0) return { status: "FAILED" };
      if (!chosen) return { status: "SKIPPED" };
      const name = pathIn(path, `c${node.chosen}`);
      const outcome = evaluate(chosen, name);
      if (outcome.status === "HANGS") return outcome;
      if (outcome.status === "FAILED" && !isTaken(chosen)) return { status: "FAILED" };
      return { status: "COMPLETED", output: outcome.status === "COMPLETED" ? outcome.output : null };
    }
    case "parallel": {
      const names = node.branches.map((_, index) => `b${index}`);
      const outcomes = node.branches.map((branch, index) => evaluate(branch, pathIn(path, `b${index}`)));
      return together(names, outcomes, node.branches.map(isTaken), node.collect, (outputs) => outputs);
    }
    case "map": {
      const names = keysOf(node);
      const outcomes = reached(
        names.map((key) => evaluate(node.each, pathIn(path, key))),
        node.concurrency,
      );
      const taken = names.map(() => isTaken(node.each));
      return together(names, outcomes, taken, node.collect, (outputs) =>
        names.map((key) => outputs[key] ?? null),
      );
    }
  }
}

/** The items of a map that begin: those before that never end may take all its places. */
function reached(outcomes: readonly Outcome[], concurrency: number): readonly Outcome[] {
  let places = concurrency;
  return outcomes.filter(({ status }) => {
    const isReached = places > 0;
    if (status === "HANGS") places -= 1;
    return isReached;
  });
}

/** The outcome of what runs at the same time. */
function together(
  names: readonly string[],
  outcomes: readonly Outcome[],
  taken: readonly boolean[],
  collect: boolean,
  shape: (outputs: Record<string, JsonValue>) => JsonValue,
): Outcome {
  const failed = outcomes.some(({ status }, index) => status === "FAILED" && !taken[index]);
  if (failed && !collect) return { status: "FAILED" };
  if (outcomes.some(({ status }) => status === "HANGS")) return { status: "HANGS" };
  const outputs = Object.fromEntries(
    names.map((name, index): [string, JsonValue] => {
      const outcome = outcomes[index] ?? { status: "SKIPPED" };
      const output = outcome.status === "COMPLETED" ? outcome.output : null;
      if (!collect) return [name, output];
      return [name, outcome.status === "FAILED" ? { status: "FAILED" } : { status: "COMPLETED", output }];
    }),
  );
  return { status: "COMPLETED", output: shape(outputs) };
}

/** How often taking back what it did fails. */
export function undoFailsOf(node: Node): number {
  return node.kind === "leaf" ? node.undoFails : 0;
}
