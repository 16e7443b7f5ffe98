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
