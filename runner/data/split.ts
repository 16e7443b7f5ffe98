import { createRandom, type Random } from "../util/random.ts";
import { foldText } from "./similarity/near-duplicate.ts";

/** Rows with the same input stay together in a split. */
type WithInput = { readonly input: string };

/** The labels by which a row is stratified; none to split at random. */
type StrataOf<T> = (row: T) => readonly string[];

const labelsOf = (row: WithInput): readonly string[] => (row as { readonly gold?: readonly string[] }).gold ?? [];

/**
 * Holds out a share of the rows, stratified by label. Both splits keep the order of the rows and have at least one row.
 */
export function splitValidation<T extends WithInput>(
  rows: readonly T[],
  fraction: number,
  seed: number,
  strataOf: StrataOf<T> = labelsOf,
): { readonly train: readonly T[]; readonly validation: readonly T[] } {
  const size = Math.max(1, Math.min(rows.length - 1, Math.round(rows.length * fraction)));
  const part = stratify(rows, [rows.length - size, size], seed, strataOf);
  return { train: rows.filter((_, row) => part[row] === 0), validation: rows.filter((_, row) => part[row] === 1) };
}

/** Holds out one of `folds` folds (from 1). Both splits keep the order of the rows. */
export function splitFold<T extends WithInput>(
  rows: readonly T[],
  folds: number,
  fold: number,
  seed: number,
  strataOf: StrataOf<T> = labelsOf,
): { readonly train: readonly T[]; readonly validation: readonly T[] } {
  const part = assignFolds(rows, folds, seed, strataOf);
  return {
    train: rows.filter((_, row) => part[row] !== fold - 1),
    validation: rows.filter((_, row) => part[row] === fold - 1),
  };
}

/** Assigns each row to one of `folds` folds of equal size, stratified by label: row -> fold. */
export function assignFolds<T extends WithInput>(
  rows: readonly T[],
  folds: number,
  seed: number,
  strataOf: StrataOf<T> = labelsOf,
): Int32Array {
  const base = Math.floor(rows.length / folds);
  const sizes = Array.from({ length: folds }, (_, fold) => base + (fold < rows.length % folds ? 1 : 0));
  return stratify(rows, sizes, seed, strataOf);
}

/**
 * Iterative stratification (Sechidis, Tsoumakas and Vlahavas, ECML PKDD 2011), seeded. The label with the fewest
 * remaining rows comes first. Each of its rows goes to the part that lacks most rows of that label, then most rows of
 * any kind. Sizes are exact unless rows with the same input, which stay together, make that impossible. Returns row ->
 * part.
 */
function stratify<T extends WithInput>(
  rows: readonly T[],
  sizes: readonly number[],
  seed: number,
  strataOf: StrataOf<T>,
): Int32Array {
  const random = createRandom(seed);
  const units = random.shuffled(unitsOf(rows, strataOf));
  const total = rows.length;
  const capacity = [...sizes];
  const left = new Map<string, number>();
  const members = new Map<string, Unit[]>();
  for (const unit of units) {
    for (const label of unit.labels) {
      left.set(label, (left.get(label) ?? 0) + 1);
      const list = members.get(label) ?? [];
      list.push(unit);
      members.set(label, list);
    }
  }
  const wanted = new Map([...left].map(([label, count]) => [label, sizes.map((size) => (count * size) / total)]));
  const part = new Int32Array(total).fill(-1);
  const place = (unit: Unit, label: string | undefined) => {
    const to = choose(unit, label === undefined ? undefined : wanted.get(label), capacity, random);
    for (const row of unit.rows) part[row] = to;
    (capacity[to] as number) -= unit.rows.length;
    for (const one of unit.labels) {
      left.set(one, (left.get(one) as number) - 1);
      const want = wanted.get(one) as number[];
      (want[to] as number) -= 1;
    }
    unit.placed = true;
  };
  for (let label = rarest(left); label !== undefined; label = rarest(left)) {
    for (const unit of members.get(label) as Unit[]) if (!unit.placed) place(unit, label);
  }
  for (const unit of units) if (!unit.placed) place(unit, undefined);
  return part;
}

type Unit = { readonly rows: number[]; readonly labels: readonly string[]; placed: boolean };

function unitsOf<T extends WithInput>(rows: readonly T[], strataOf: StrataOf<T>): Unit[] {
  const byInput = new Map<string, number[]>();
  rows.forEach(({ input }, row) => {
    const key = foldText(input);
    const same = byInput.get(key) ?? [];
    same.push(row);
    byInput.set(key, same);
  });
  return [...byInput.values()].map((same) => ({
    rows: same,
    labels: [...new Set(same.flatMap((row) => strataOf(rows[row] as T)))],
    placed: false,
  }));
}

/** The label with the fewest rows to place, ties by name; undefined if all are placed. */
function rarest(left: ReadonlyMap<string, number>): string | undefined {
  let best: string | undefined;
  let fewest = Number.POSITIVE_INFINITY;
  for (const [label, count] of left) {
    if (count === 0 || count > fewest || (count === fewest && best !== undefined && label > best)) continue;
    best = label;
    fewest = count;
  }
  return best;
}

/**
 * Among the parts with capacity (or the most capacity), the one that lacks most rows of the label, then most rows, then
 * at random.
 */
function choose(
  unit: Unit,
  wanted: readonly number[] | undefined,
  capacity: readonly number[],
  random: Random,
): number {
  const most = Math.max(...capacity);
  let candidates = [...capacity.keys()].filter((at) => (capacity[at] as number) >= Math.min(unit.rows.length, most));
  for (const values of wanted ? [wanted, capacity] : [capacity]) {
    const best = Math.max(...candidates.map((at) => values[at] as number));
    candidates = candidates.filter((at) => (values[at] as number) >= best - 1e-9);
  }
  return candidates[random.below(candidates.length)] as number;
}
