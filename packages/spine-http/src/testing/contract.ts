import type { z } from "zod";
import { problemsOf } from "../openapi.ts";
import { type AnyOperation, BYTES, EMPTY, EVENTS } from "../operation.ts";
import { PROBLEMS } from "../problems.ts";
import { Problem } from "../wire/problem.ts";

/** Sees that answers are what the table says: statuses, bodies and problems that are declared, and nothing else. */
export class Contract {
  readonly #operations: readonly AnyOperation[];
  /** Operation ids with the statuses that they answered. */
  readonly seen = new Map<string, Set<number>>();

  constructor(operations: readonly AnyOperation[]) {
    this.#operations = operations;
  }

  /** The operation of a request; undefined where there is none. */
  find(method: string, path: string): AnyOperation | undefined {
    const wanted = method === "HEAD" ? "GET" : method;
    const fitting = this.#operations.filter(
      (each) => each.method === wanted && patternOf(each.path).test(path),
    );
    // What is written out comes before what may be anything.
    return fitting.sort((a, b) => count(a.path) - count(b.path))[0];
  }

  /** @throws Error that says what was answered and not declared. */
  check(method: string, path: string, status: number, type: string | undefined, body: string): void {
    const operation = this.find(method, path);
    const what = `${method} ${path} → ${status}`;
    if (method === "HEAD") return;
    if (type === "application/problem+json") {
      const problem = Problem.parse(JSON.parse(body));
      if (problem.status !== status) throw new Error(`${what} says ${problem.status}`);
      if (operation && !problemsOf(operation).includes(problem.code))
        throw new Error(`${what} has the problem "${problem.code}", which ${operation.id} does not declare`);
      if (PROBLEMS[problem.code].status !== status) throw new Error(`${what} is no ${problem.code}`);
      if (operation) this.#note(operation, status);
      return;
    }
    if (method === "OPTIONS") return;
    if (!operation) throw new Error(`${what} is of no operation`);
    const schema = operation.responses[status] as z.ZodType | string | undefined;
    if (schema === undefined) throw new Error(`${what} is not declared by ${operation.id}`);
    this.#note(operation, status);
    if (schema === EMPTY) {
      if (body !== "") throw new Error(`${what} has a body`);
    } else if (schema !== EVENTS && schema !== BYTES) {
      const parsed = (schema as z.ZodType).safeParse(JSON.parse(body));
      if (!parsed.success)
        throw new Error(`${what} does not fit ${operation.id}: ${parsed.error.message}\n${body}`);
    }
  }

  #note({ id }: AnyOperation, status: number): void {
    const statuses = this.seen.get(id) ?? new Set();
    this.seen.set(id, statuses.add(status));
  }
}

function patternOf(path: string): RegExp {
  const pattern = path
    .replaceAll(/[.]/g, "\\.")
    .replaceAll(/\{\w+\+\}/g, ".+")
    .replaceAll(/\{\w+\}/g, "[^/]+");
  return new RegExp(`^${pattern}$`);
}

function count(path: string): number {
  return path.split("{").length;
}
