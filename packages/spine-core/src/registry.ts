import { type ErrorCode, SpineError } from "./errors.ts";
import { shown } from "./shown.ts";

/** Named things of one kind. One class for workflows, sources and alert channels. */
export class Registry<T extends { readonly name: string }> {
  readonly #items = new Map<string, T>();
  readonly #kind: string;
  readonly #unknown: ErrorCode;

  constructor(kind: string, unknown: ErrorCode) {
    this.#kind = kind;
    this.#unknown = unknown;
  }

  /** Adds an item; the same item twice is fine, another item of the same name is a DUPLICATE_NAME error. */
  add(item: T): void {
    if (typeof (item as Partial<T> | null | undefined)?.name !== "string") {
      throw new SpineError("CONFIG_INVALID", `${shown(item)} is no ${this.#kind}: it has no name.`);
    }
    const present = this.#items.get(item.name);
    if (present !== undefined && present !== item) {
      throw new SpineError(
        "DUPLICATE_NAME",
        `Two different ${this.#kind}s are named "${item.name}". Rename one, or remove one of the plugins that bring it.`,
      );
    }
    this.#items.set(item.name, item);
  }

  has(name: string): boolean {
    return this.#items.has(name);
  }

  get(name: string): T {
    const item = this.#items.get(name);
    if (item) return item;
    const names = this.names();
    throw new SpineError(
      this.#unknown,
      `There is no ${this.#kind} named "${name}". ${names.length === 0 ? `No ${this.#kind} is registered` : `Registered: ${names.slice(0, 20).join(", ")}`}; add the plugin that brings it to createSpine({ plugins }).`,
    );
  }

  names(): readonly string[] {
    return [...this.#items.keys()];
  }
}
