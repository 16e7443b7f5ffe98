import { createRandom, type Random } from "../util/random.ts";

/** What a split looks at: rows with the same input stay together. */
export type Splittable = { readonly input: string; readonly gold: readonly string[] };

/** Takes a share of the rows apart, stratified by label; both parts keep the order of the rows and have one row at least. */
export function splitValidation<T extends Splittable>(
  rows: readonly T[],
  fraction: number,
  seed: number,
): { readonly train: readonly T[]; readonly validation: readonly T[] } {
  const size = Math.max(1, Math.min(rows.length - 1, Math.round(rows.length * fraction)));
  const part = stratify(rows, [rows.length - size, size], seed);
  return { train: rows.filter((_, row) => part[row] === 0), validation: rows.filter((_, row) => part[row] === 1) };
}

/** Takes one of `folds` folds (from 1) apart; both parts keep the order of the rows. */
export function splitFold<T extends Splittable>(
  rows: readonly T[],
  folds: number,
  fold: number,
  seed: number,
): { readonly train: readonly T[]; readonly validation: readonly T[] } {
  const part = assignFolds(rows, folds, seed);
  return {
    train: rows.filter((_, row) => part[row] !== fold - 1),
    validation: rows.filter((_, row) => part[row] === fold - 1),
  };
}

/** Assigns each row to one of `folds` folds of equal size, stratified by label: row -> fold. */
export function assignFolds(rows: readonly Splittable[], folds: number, seed: number): Int32Array {
  const base = Math.floor(rows.length / folds);
  const sizes = Array.from({ length: folds }, (_, fold) => base + (fold < rows.length % folds ? 1 : 0));
  return stratify(rows, sizes, seed);
}

/**
 * Iterative stratification (Sechidis, Tsoumakas and Vlahavas, ECML PKDD 2011), seeded. The label with the fewest rows
 * left is dealt out first, each row to the part that still wants most of that label, then most rows. Sizes are kept
 * exactly unless rows with the same input, which go together, make that impossible. Returns row -> part.
 */
function stratify(rows: readonly Splittable[], sizes: readonly number[], seed: number): Int32Array {
  const random = createRandom(seed);
  const units = random.shuffled(unitsOf(rows));
  const total = rows.length;
  const room = [...sizes];
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
    const to = choose(unit, label === undefined ? undefined : wanted.get(label), room, random);
    for (const row of unit.rows) part[row] = to;
    (room[to] as number) -= unit.rows.length;
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

function unitsOf(rows: readonly Splittable[]): Unit[] {
  const byInput = new Map<string, number[]>();
  rows.forEach(({ input }, row) => {
    const key = input.replace(/\s+/g, " ").trim().toLowerCase();
    const same = byInput.get(key) ?? [];
    same.push(row);
    byInput.set(key, same);
  });
  return [...byInput.values()].map((same) => ({
    rows: same,
    labels: [...new Set(same.flatMap((row) => (rows[row] as Splittable).gold))],
    placed: false,
  }));
}

/** The label with the fewest rows left to place, ties by name; undefined when all are placed. */
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

/** Among the parts with room (or, where none has enough, with most room) the one that wants the label most, then rows, then by lot. */
function choose(unit: Unit, wanted: readonly number[] | undefined, room: readonly number[], random: Random): number {
  const most = Math.max(...room);
  let candidates = [...room.keys()].filter((at) => (room[at] as number) >= Math.min(unit.rows.length, most));
  for (const values of wanted ? [wanted, room] : [room]) {
    const best = Math.max(...candidates.map((at) => values[at] as number));
    candidates = candidates.filter((at) => (values[at] as number) >= best - 1e-9);
  }
  return candidates[random.below(candidates.length)] as number;
}
