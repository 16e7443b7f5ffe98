import { expect, it } from "vitest";
import { commonRun, commonSubsequence } from "./overlap.ts";

/** Texts of few words, with a generator of Park and Miller (1988). */
function texts(seed: number): readonly [string[], string[]] {
  let state = seed;
  const draw = (below: number): number => {
    state = (state * 48_271) % 2_147_483_647;
    return state % below;
  };
  const kinds = 2 + draw(4);
  const text = () => Array.from({ length: draw(90) }, () => `w${draw(kinds)}`);
  return [text(), text()];
}

const cell = (table: readonly (readonly number[])[], row: number, column: number): number => table[row]?.[column] ?? 0;

/** Both lengths by the usual tables, and the first longest run. */
function byTables(a: readonly string[], b: readonly string[]) {
  const subsequences: number[][] = [];
  const runs: number[][] = [];
  let run = { start: 0, length: 0 };
  for (const [i, token] of a.entries()) {
    subsequences.push([]);
    runs.push([]);
    for (const [j, other] of b.entries()) {
      const isSame = token === other;
      const before = isSame
        ? cell(subsequences, i - 1, j - 1) + 1
        : Math.max(cell(subsequences, i - 1, j), cell(subsequences, i, j - 1));
      subsequences[i]?.push(before);
      runs[i]?.push(isSame ? cell(runs, i - 1, j - 1) + 1 : 0);
      if (cell(runs, i, j) > run.length) run = { start: i - cell(runs, i, j) + 1, length: cell(runs, i, j) };
    }
  }
  return { subsequence: cell(subsequences, a.length - 1, b.length - 1), run };
}

it("finds what the usual tables find, also around the 32 cells of a word", () => {
  for (let seed = 1; seed <= 400; seed++) {
    const [a, b] = texts(seed);
    const expected = byTables(a, b);
    expect(commonSubsequence(a, b), `seed ${seed}`).toBe(expected.subsequence);
    expect(commonRun(a, b), `seed ${seed}`).toEqual(expected.run);
  }
});

it("compares texts of 40,000 words", () => {
  const words = (step: number) => Array.from({ length: 40_000 }, (_, at) => `w${(at * step) % 997}`);
  const [a, b] = [words(7), [...words(11), "x"]];
  // The usual tables have 1.6 billion cells.
  expect(commonRun(a, [...b, ...a.slice(500, 900)])).toEqual({ start: 500, length: 400 });
  expect(commonSubsequence(a, b)).toBe(commonSubsequence(b, a));
});
