/** What a function has read of a map. */
class Reads {
  /** Key -> its value, or Reads of its value. */
  readonly values = new Map<PropertyKey, unknown>();
  /** All keys, if they were listed. */
  keys?: readonly PropertyKey[];
}

/** What was read of a map, as lists, which are compared without an allocation. */
type ReadList = {
  readonly names: readonly PropertyKey[];
  /** The value of each name, or what was read of it. */
  readonly values: readonly unknown[];
  readonly inner: readonly (ReadList | undefined)[];
  readonly keys: readonly PropertyKey[] | undefined;
};

function listOf({ values, keys }: Reads): ReadList {
  const all = [...values.values()];
  const inner = all.map((value) => (value instanceof Reads ? listOf(value) : undefined));
  return { names: [...values.keys()], values: all, inner, keys };
}

/**
 * Remembers the last result of a function of a record, with the keys that the function has read in the record and in
 * the maps in it, down to the level `depth`. `call` returns that result again for a record in which these keys have the
 * same values; values below are the same if they are the same object. `others` are further values that the result
 * depends on.
 */
export class LastResult<T extends object, R> {
  readonly #depth: number;
  #last: { readonly reads: ReadList; readonly others: readonly unknown[]; readonly result: R } | undefined;

  constructor(depth: number) {
    this.#depth = depth;
  }

  call(record: T, make: (record: T) => R, others: readonly unknown[] = []): R {
    const last = this.#last;
    if (last !== undefined && areEqual(last.others, others) && isSame(last.reads, record)) return last.result;
    const reads = new Reads();
    const result = make(noted(record, reads, this.#depth) as T);
    this.#last = { reads: listOf(reads), others, result };
    return result;
  }
}

function isSame({ names, values, inner, keys }: ReadList, record: object): boolean {
  if (keys !== undefined && !areEqual(keys, Reflect.ownKeys(record))) return false;
  for (let at = 0; at < names.length; at++) {
    const now: unknown = Reflect.get(record, names[at] as PropertyKey);
    const reads = inner[at];
    if (reads === undefined ? now !== values[at] : !isMap(now) || !isSame(reads, now)) return false;
  }
  return true;
}

/** A view of a record that notes what is read of it; `depth` is the number of levels of maps that are viewed. */
function noted(record: object, reads: Reads, depth: number): object {
  const inner = new Map<PropertyKey, object>();
  const read = (key: PropertyKey): unknown => {
    const value: unknown = Reflect.get(record, key);
    if (depth === 1 || !isMap(value)) {
      reads.values.set(key, value);
      return value;
    }
    const known = inner.get(key);
    if (known !== undefined) return known;
    const below = new Reads();
    const view = noted(value, below, depth - 1);
    reads.values.set(key, below);
    inner.set(key, view);
    return view;
  };
  // The target is empty, because a proxy of a frozen object must return the object's own values.
  return new Proxy(
    {},
    {
      get: (_target, key) => read(key),
      has(_target, key) {
        read(key);
        return Reflect.has(record, key);
      },
      ownKeys() {
        reads.keys = Reflect.ownKeys(record);
        return [...reads.keys] as (string | symbol)[];
      },
      getOwnPropertyDescriptor(_target, key) {
        const value = read(key);
        return Object.hasOwn(record, key)
          ? { value, enumerable: true, configurable: true, writable: false }
          : undefined;
      },
    },
  );
}

function isMap(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function areEqual(one: readonly unknown[], other: readonly unknown[]): boolean {
  return one.length === other.length && one.every((value, at) => value === other[at]);
}
