import { createHash } from "node:crypto";
import { foldText } from "./similarity/near-duplicate.ts";
import { nearDuplicates } from "./similarity/near-pairs.ts";

/** What a split reads of a row. Rows with the same group, or with nearly the same input, stay together. */
export type SplitRow = { readonly input: string; readonly group?: string | undefined };

/** How rows are split. */
export type SplitOptions<T> = {
  readonly seed: number;
  /** The labels by which a row is stratified; none to split by chance alone. Default: its gold. */
  readonly strataOf?: ((row: T) => readonly string[]) | undefined;
  /** The name by which a row is drawn; its place in the file has no effect. Default: its input. */
  readonly keyOf?: ((row: T) => string) | undefined;
};

const goldOf = (row: SplitRow): readonly string[] => (row as { readonly gold?: readonly string[] }).gold ?? [];

/**
 * Holds out a share of the rows, stratified by label. Both parts keep the order of the rows and have at least one row,
 * if the rows that stay together allow it.
 */
export function holdOut<T extends SplitRow>(
  rows: readonly T[],
  fraction: number,
  options: SplitOptions<T>,
): { readonly rest: readonly T[]; readonly held: readonly T[] } {
  const size = Math.max(1, Math.min(rows.length - 1, Math.round(rows.length * fraction)));
  const part = assign(rows, [rows.length - size, size], options);
  return { rest: rows.filter((_, row) => part[row] === 0), held: rows.filter((_, row) => part[row] === 1) };
}

/** Holds out one of `folds` folds (from 1). Both parts keep the order of the rows. */
export function holdOutFold<T extends SplitRow>(
  rows: readonly T[],
  folds: number,
  fold: number,
  options: SplitOptions<T>,
): { readonly rest: readonly T[]; readonly held: readonly T[] } {
  const part = assignFolds(rows, folds, options);
  return {
    rest: rows.filter((_, row) => part[row] !== fold - 1),
    held: rows.filter((_, row) => part[row] === fold - 1),
  };
}

/** Assigns each row to one of `folds` folds of equal size, stratified by label: row -> fold. */
export function assignFolds<T extends SplitRow>(
  rows: readonly T[],
  folds: number,
  options: SplitOptions<T>,
): Int32Array {
  const base = Math.floor(rows.length / folds);
  const sizes = Array.from({ length: folds }, (_, fold) => base + (fold < rows.length % folds ? 1 : 0));
  return assign(rows, sizes, options);
}

/** A sample of `limit` rows in the order of the file, drawn by their names; all rows if there are no more. */
export function takePart<T extends SplitRow>(
  rows: readonly T[],
  limit: number | undefined,
  { seed, keyOf = ({ input }) => foldText(input) }: SplitOptions<T>,
): readonly T[] {
  if (limit === undefined || limit >= rows.length) return rows;
  const drawn = rows.map((row, at) => ({ at, hash: hashOf(seed, keyOf(row)) }));
  const taken = drawn.sort((a, b) => a.hash - b.hash || a.at - b.at).slice(0, limit);
  return taken.sort((a, b) => a.at - b.at).map(({ at }) => rows[at] as T);
}

/** A number from 0 to 1 (SHA-256 of the seed and the name): the same for a name in any file and on any machine. */
function hashOf(seed: number, name: string): number {
  return createHash("sha256").update(`${seed}\0${name}`).digest().readUIntBE(0, 6) / 2 ** 48;
}

/** Rows that stay together. */
type Unit = {
  readonly rows: readonly number[];
  /** From 0 to 1: the least of its rows. */
  readonly hash: number;
  /** Label -> rows with it. */
  readonly labels: ReadonlyMap<string, number>;
  part: number;
};

/**
 * The number of rows by which a label may deviate from its share of a part: a standard deviation of a random draw, and at
 * least one row. A smaller one would move more units when a row is added.
 */
const slack = (wanted: number, share: number): number => Math.max(1, Math.sqrt(wanted * (1 - share)));

/** Passes over the units that correct the sizes and labels of the parts. */
const mostPasses = 50;

/**
 * Assigns rows to parts of the given sizes: row -> part. The hash of a unit decides, without regard to other rows. Then
 * as few units as possible, those with a hash near the limit between two parts first, move to the part that lacks rows
 * or labels. So moving a row in the file changes nothing, and adding one changes few others. Sizes are exact unless
 * units of several rows make that impossible.
 */
function assign<T extends SplitRow>(
  rows: readonly T[],
  sizes: readonly number[],
  { seed, strataOf = goldOf, keyOf = ({ input }) => foldText(input) }: SplitOptions<T>,
): Int32Array {
  const total = rows.length;
  const limits = [0];
  for (const size of sizes) limits.push((limits.at(-1) as number) + size / total);
  const hashes = rows.map((row) => hashOf(seed, row.group ?? keyOf(row)));
  const units = together(rows).map((own): Unit => {
    const hash = own.reduce((least, row) => Math.min(least, hashes[row] as number), 1);
    const labels = new Map<string, number>();
    for (const row of own)
      for (const label of new Set(strataOf(rows[row] as T))) labels.set(label, (labels.get(label) ?? 0) + 1);
    const part = Math.min(
      sizes.length - 1,
      limits.findLastIndex((limit) => limit <= hash),
    );
    return { rows: own, hash, labels, part };
  });
  /** How far a hash is from the hashes of a part. */
  const distance = ({ hash }: Unit, part: number): number =>
    Math.max(0, (limits[part] as number) - hash, hash - (limits[part + 1] as number));
  const parts = sizes.map((_, part) => part);
  const nearness = (unit: Unit): number =>
    Math.min(...parts.filter((part) => part !== unit.part).map((part) => distance(unit, part)));
  const near = new Map(units.map((unit) => [unit, nearness(unit)]));
  units.sort((a, b) => (near.get(a) as number) - (near.get(b) as number) || a.hash - b.hash);
  const [drawn, balance] = [{ units, parts, distance }, new Balance(units, sizes)];
  correct(drawn, balance);
  // In sets of labels the gain of an exchange is small, and it would move rows whose hash is far from the limit.
  if (rows.every((row) => strataOf(row).length === 1)) exchange(drawn, balance);
  const part = new Int32Array(total);
  for (const unit of units) for (const row of unit.rows) part[row] = unit.part;
  return part;
}

/** The rows of one label by part: how many there should be, by how many that may be missed, and how many there are. */
type LabelBalance = {
  readonly wanted: readonly number[];
  readonly slack: readonly number[];
  readonly counts: number[];
};

/** Rows and labels of the parts, and what they should be. */
class Balance {
  readonly #sizes: readonly number[];
  readonly #counts: number[];
  readonly #labels = new Map<string, LabelBalance>();

  constructor(units: readonly Unit[], sizes: readonly number[]) {
    const total = sizes.reduce((sum, size) => sum + size, 0);
    this.#sizes = sizes;
    this.#counts = sizes.map(() => 0);
    const times = new Map<string, number>();
    for (const { labels } of units)
      for (const [label, count] of labels) times.set(label, (times.get(label) ?? 0) + count);
    for (const [label, count] of times)
      this.#labels.set(label, {
        wanted: sizes.map((size) => (count * size) / total),
        slack: sizes.map((size) => slack((count * size) / total, size / total)),
        counts: sizes.map(() => 0),
      });
    for (const unit of units) this.#add(unit, unit.part, 1);
  }

  #add({ rows, labels }: Unit, part: number, times: 1 | -1): void {
    (this.#counts[part] as number) += times * rows.length;
    for (const [label, count] of labels) {
      const { counts } = this.#labels.get(label) as LabelBalance;
      (counts[part] as number) += times * count;
    }
  }

  move(unit: Unit, to: number): void {
    this.#add(unit, unit.part, -1);
    this.#add(unit, to, 1);
    unit.part = to;
  }

  /** Rows that a part has too many; negative if it lacks some. */
  excess(part: number): number {
    return (this.#counts[part] as number) - (this.#sizes[part] as number);
  }

  /** By how much the sizes deviate more if a unit moves. */
  sizeChange({ rows, part }: Unit, to: number): number {
    const [own, other] = [this.excess(part), this.excess(to)];
    return Math.abs(own - rows.length) - Math.abs(own) + Math.abs(other + rows.length) - Math.abs(other);
  }

  /** By how much the labels deviate more if a unit moves. */
  labelChange({ labels, part }: Unit, to: number): number {
    let change = 0;
    for (const [label, count] of labels) {
      const { wanted, slack, counts } = this.#labels.get(label) as LabelBalance;
      const deviation = (at: number, added: number): number =>
        Math.max(0, Math.abs((counts[at] as number) + added - (wanted[at] as number)) - (slack[at] as number));
      change += deviation(part, -count) - deviation(part, 0) + deviation(to, count) - deviation(to, 0);
    }
    return change;
  }
}

type Move = { readonly unit: Unit; readonly to: number; readonly change: number };

/** The units, and how far each is from a part. */
type Drawn = {
  readonly units: readonly Unit[];
  readonly parts: readonly number[];
  readonly distance: (unit: Unit, part: number) => number;
};

const others = (parts: readonly number[], { part }: Unit): readonly number[] => parts.filter((one) => one !== part);

/** The best of moves: the least change, then the nearest part. */
function bestOf(moves: readonly Move[], distance: Drawn["distance"]): Move | undefined {
  return moves.reduce<Move | undefined>((least, move) => {
    if (least === undefined || move.change < least.change - 1e-9) return move;
    if (move.change > least.change + 1e-9) return least;
    return distance(move.unit, move.to) < distance(least.unit, least.to) ? move : least;
  }, undefined);
}

/** Moves units, in their order, until no move improves sizes and labels together; then until the sizes are exact. */
function correct(drawn: Drawn, balance: Balance): void {
  const { units, parts, distance } = drawn;
  // A held-out part changes little if a row is added. Folds need even labels more, since each one is held out once.
  const weight = parts.length === 2 ? 1 : 0.25;
  for (let pass = 0, moved = true; moved && pass < mostPasses; pass++) {
    moved = false;
    for (const unit of units) {
      const changeOf = (to: number) => weight * balance.sizeChange(unit, to) + balance.labelChange(unit, to);
      const moves = others(parts, unit).map((to) => ({ unit, to, change: changeOf(to) }));
      const move = bestOf(moves, distance);
      if (move === undefined || move.change > -1e-9) continue;
      balance.move(unit, move.to);
      moved = true;
    }
  }
  restoreSizes(drawn, balance);
}

/** Moves units until the sizes are exact, or as near as the units allow. Returns the moves in their order. */
function restoreSizes({ units, parts, distance }: Drawn, balance: Balance): readonly (Move & { from: number })[] {
  const made: (Move & { from: number })[] = [];
  while (parts.some((part) => balance.excess(part) !== 0)) {
    const moves = units.flatMap((unit) =>
      balance.excess(unit.part) <= 0
        ? []
        : others(parts, unit)
            .filter((to) => balance.sizeChange(unit, to) < 0)
            .map((to) => ({ unit, to, change: balance.labelChange(unit, to) })),
    );
    const move = bestOf(moves, distance);
    if (move === undefined) break;
    made.push({ ...move, from: move.unit.part });
    balance.move(move.unit, move.to);
  }
  return made;
}

/**
 * Exchanges units of two parts while that improves the labels. Where each row has one label, a single move spoils a size
 * by as much as it improves a label, so that `correct` may end with a label far from its share.
 */
function exchange(drawn: Drawn, balance: Balance): void {
  const { units, parts, distance } = drawn;
  const deviation = (): number => parts.reduce((sum, part) => sum + Math.abs(balance.excess(part)), 0);
  for (let pass = 0; pass < mostPasses; pass++) {
    const moves = units.flatMap((unit) =>
      others(parts, unit).map((to) => ({ unit, to, change: balance.labelChange(unit, to) })),
    );
    const first = bestOf(moves, distance);
    if (first === undefined || first.change > -1e-9) return;
    const [from, before] = [first.unit.part, deviation()];
    balance.move(first.unit, first.to);
    const made = restoreSizes(drawn, balance);
    const change = made.reduce((sum, move) => sum + move.change, first.change);
    if (change < -1e-9 && deviation() <= before) continue;
    for (const move of made.toReversed()) balance.move(move.unit, move.from);
    balance.move(first.unit, from);
    return;
  }
}

/** Rows that stay together, by chains of a common group, the same input or nearly the same input. */
function together(rows: readonly SplitRow[]): readonly (readonly number[])[] {
  const head = Int32Array.from(rows.keys());
  const headOf = (row: number): number => {
    let at = row;
    while (head[at] !== at) at = head[at] = head[head[at] as number] as number;
    return at;
  };
  const join = (a: number, b: number): void => {
    head[headOf(a)] = headOf(b);
  };
  const byName = new Map<string, number>();
  const joinBy = (name: string, row: number): void => {
    const before = byName.get(name);
    if (before === undefined) byName.set(name, row);
    else join(before, row);
  };
  const byInput = new Map<string, number>();
  for (const [row, { input, group }] of rows.entries()) {
    const text = foldText(input);
    joinBy(`input ${text}`, row);
    if (group !== undefined) joinBy(`group ${group}`, row);
    byInput.set(text, row);
  }
  // The search compares a bounded number of texts: in the order of the texts, the place in the file has no effect.
  const texts = [...byInput.keys()].sort();
  for (const { a, b } of nearDuplicates(texts))
    join(byInput.get(texts[a] as string) as number, byInput.get(texts[b] as string) as number);
  const units = new Map<number, number[]>();
  for (const row of rows.keys()) {
    const own = headOf(row);
    const members = units.get(own);
    if (members === undefined) units.set(own, [row]);
    else members.push(row);
  }
  return [...units.values()];
}
