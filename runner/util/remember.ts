/** Caches a function of one value. Keys are compared as those of a Map. */
export function remembered<K, T>(look: (name: K) => T): (name: K) => T {
  const known = new Map<K, T>();
  return (name) => {
    if (!known.has(name)) known.set(name, look(name));
    return known.get(name) as T;
  };
}

/** Caches a function of two values. */
export function rememberedPair<A, B, T>(look: (first: A, second: B) => T): (first: A, second: B) => T {
  const byFirst = remembered((first: A) => remembered((second: B) => look(first, second)));
  return (first, second) => byFirst(first)(second);
}

/** Caches a function of an object for as long as the object is in use. */
export function rememberedWeakly<K extends object, T>(look: (key: K) => T): (key: K) => T {
  const known = new WeakMap<K, { readonly value: T }>();
  return (key) => {
    const found = known.get(key) ?? { value: look(key) };
    known.set(key, found);
    return found.value;
  };
}
