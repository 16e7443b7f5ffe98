import { expect, it } from "vitest";
import { createRandom } from "../util/random.ts";
import { nearDuplicates, nearEnough } from "./minhash.ts";

const random = createRandom(7);
const text = (words: number): string[] => Array.from({ length: words }, () => `word${random.below(4000)}`);

/** Jaccard similarity of word triples, implemented independently of minhash.ts. */
function similarity(a: readonly string[], b: readonly string[]): number {
  const triples = (words: readonly string[]) =>
    new Set(words.slice(2).map((word, at) => `${words[at]} ${words[at + 1]} ${word}`));
  const [one, other] = [triples(a), triples(b)];
  const both = [...one].filter((triple) => other.has(triple)).length;
  return both / (one.size + other.size - both);
}

it("finds the same pairs as a comparison of all pairs", () => {
  const originals = Array.from({ length: 60 }, () => text(20 + random.below(120)));
  const texts = originals.flatMap((words) => {
    const changed = [...words];
    for (let edits = random.below(1 + words.length / 12); edits >= 0; edits--)
      changed[random.below(changed.length)] = "other";
    return [words, changed];
  });
  const expected: string[] = [];
  for (let b = 0; b < texts.length; b++) {
    for (let a = 0; a < b; a++)
      if (similarity(texts[a] as string[], texts[b] as string[]) >= nearEnough) expected.push(`${a} ${b}`);
  }
  const found = nearDuplicates(texts.map((words) => words.join(" ")));
  expect(expected.length).toBeGreaterThan(10);
  expect(found.map(({ a, b }) => `${a} ${b}`).sort()).toEqual(expected.sort());
  for (const { a, b, similarity: given } of found)
    expect(given).toBeCloseTo(similarity(texts[a] as string[], texts[b] as string[]), 9);
});

it("compares words without case, space and punctuation; accepts short and empty texts", () => {
  const pairs = nearDuplicates([
    "",
    "cyst",
    "Cyst.",
    " ",
    "two words",
    "Two, WORDS!",
    "右腎に嚢胞を認める。肝臓は正常",
    "右腎に嚢胞を認める。肝臓は正常。",
  ]);
  expect(pairs.map(({ a, b, similarity }) => [a, b, similarity])).toEqual([
    [1, 2, 1],
    [4, 5, 1],
    [6, 7, 1],
  ]);
});

it("a thousand copies of one text are linked in linear time", () => {
  const letter = text(120).join(" ");
  const copies = Array.from({ length: 1000 }, (_, at) => `${letter} ${at}`);
  const linked = new Set(nearDuplicates(copies).map(({ b }) => b));
  expect(linked.size).toBe(999);
});
