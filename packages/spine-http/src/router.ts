import { SpineError } from "spine-core";

/** A place in the tree of paths. */
interface Node<T> {
  readonly fixed: Map<string, Node<T>>;
  /** A segment that may be anything. */
  one: Node<T> | null;
  /** Any number of segments, one at least, before what follows. */
  many: { readonly name: string; readonly node: Node<T> } | null;
  readonly methods: Map<string, Route<T>>;
}

/** What a path leads to, by method, and what stands in it. */
export interface Found<T> {
  readonly methods: ReadonlyMap<string, Route<T>>;
  readonly values: readonly string[];
}

export interface Route<T> {
  readonly item: T;
  /** What the values of a path are called. */
  readonly names: readonly string[];
}

/** The values of a path by their names. */
export function paramsOf(
  { names }: Route<unknown>,
  { values }: Found<unknown>,
): Readonly<Record<string, string>> {
  const params: Record<string, string> = {};
  for (const [index, name] of names.entries()) params[name] = values[index] ?? "";
  return params;
}

/** How a name of many segments is joined: as the path of a step inside of others. */
const JOINED = "/";

/**
 * Finds what belongs to a method and a path, by whole segments: `{name}` is one of them, `{step+}` one or more. What is written out
 * comes before what may be anything.
 */
export class Router<T> {
  readonly #root: Node<T> = node();

  /** @throws SpineError CONFIG_INVALID for two items with the same method and path. */
  add(method: string, path: string, item: T): void {
    const names: string[] = [];
    let at = this.#root;
    for (const segment of path.slice(1).split("/")) {
      const [, name, isMany] = /^\{(\w+)(\+)?\}$/.exec(segment) ?? [];
      if (name !== undefined) names.push(name);
      if (name !== undefined && isMany) {
        at.many ??= { name, node: node() };
        at = at.many.node;
      } else if (name !== undefined) {
        at.one ??= node();
        at = at.one;
      } else {
        const next = at.fixed.get(segment) ?? node();
        at.fixed.set(segment, next);
        at = next;
      }
    }
    if (at.methods.has(method)) {
      throw new SpineError(
        "CONFIG_INVALID",
        `Two operations are at ${method} ${path}. Give one of them another path.`,
      );
    }
    at.methods.set(method, { item, names });
  }

  /** Null for a path that there is not. */
  find(segments: readonly string[]): Found<T> | null {
    const found = walk(this.#root, segments, 0, []);
    return found && { methods: found.node.methods, values: found.values };
  }
}

function node<T>(): Node<T> {
  return { fixed: new Map(), one: null, many: null, methods: new Map() };
}

function walk<T>(
  at: Node<T>,
  segments: readonly string[],
  index: number,
  values: readonly string[],
): { readonly node: Node<T>; readonly values: readonly string[] } | null {
  const segment = segments[index];
  if (segment === undefined) return at.methods.size > 0 ? { node: at, values } : null;
  const next = at.fixed.get(segment);
  const fixed = next ? walk(next, segments, index + 1, values) : null;
  if (fixed) return fixed;
  const one = at.one ? walk(at.one, segments, index + 1, [...values, segment]) : null;
  if (one || !at.many) return one;
  // The fewest that lead somewhere: what is written out behind them is not a part of them.
  for (let end = index + 1; end <= segments.length; end += 1) {
    const value = segments.slice(index, end).join(JOINED);
    const many = walk(at.many.node, segments, end, [...values, value]);
    if (many) return many;
  }
  return null;
}
