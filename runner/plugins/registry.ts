import { suggestion } from "../util/suggest.ts";
import { UserError } from "../util/user-error.ts";

/**
 * The implementations of one extension point, by name, in the order in which they were registered. Core code iterates over a
 * registry or gets an implementation by name; it never imports an implementation.
 */
export class Registry<T extends { readonly name: string }> {
  readonly #kind: string;
  readonly #items = new Map<string, T>();

  /** `kind` names the extension point in errors: "backend". */
  constructor(kind: string) {
    this.#kind = kind;
  }

  /** Adds an implementation. Throws if the name is taken: two implementations with one name are a bug. */
  register(item: T): void {
    if (this.#items.has(item.name)) throw new Error(`${this.#kind} "${item.name}" is registered twice`);
    this.#items.set(item.name, item);
  }

  /** How many implementations are registered. Derived values, such as a schema, are stale when it changes. */
  get size(): number {
    return this.#items.size;
  }

  has(name: string): boolean {
    return this.#items.has(name);
  }

  find(name: string): T | undefined {
    return this.#items.get(name);
  }

  /** The implementation with this name. Throws UserError `unknown-<kind>` if there is none. */
  get(name: string): T {
    const item = this.#items.get(name);
    if (item !== undefined) return item;
    throw new UserError(`unknown-${this.#kind}`, `no ${this.#kind} is called "${name}"`, {
      help: suggestion(name, this.names()),
    });
  }

  names(): readonly string[] {
    return [...this.#items.keys()];
  }

  [Symbol.iterator](): IterableIterator<T> {
    return this.#items.values();
  }
}
