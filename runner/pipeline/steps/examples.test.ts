import { expect, test } from "vitest";
import { chooseExamples } from "./examples.ts";

const row = (id: string, input: string) => ({ id, input, target: id, gold: [id] });
const stone = "A stone of nine millimetres lies in the left kidney, and the liver shows no lesion at all.";
const train = [
  row("a", stone),
  row("a#2", stone.toUpperCase()),
  row("b", "A stone of four millimetres lies in the right ureter."),
  row("c", "The spleen is enlarged."),
  row("d", "The spleen and the liver are enlarged."),
  row("e", "?"),
];
const ids = (choice: { count: number; select: "nearest" | "random"; seed?: number }, cases = train) =>
  chooseExamples(train, cases, { seed: 1, ...choice }).map((shown) => shown.map(({ id }) => id));

test("nearest ends with the most similar row, and never shows the case or a copy of it", () => {
  expect(
    ids({ count: 2, select: "nearest" }, [row("x", "A stone in the right ureter, and an enlarged spleen.")]),
  ).toEqual([["d", "b"]]);
  const [a, copy, , c, , mark] = ids({ count: 4, select: "nearest" });
  expect(a).toEqual(copy);
  expect(new Set(a)).toEqual(new Set(["b", "c", "d", "e"]));
  expect(c?.at(-1)).toBe("d");
  expect(c).not.toContain("c");
  expect(mark).not.toContain("e");
});

test("a row that differs from the case by one word is left out", () => {
  const edited = stone.replace("nine", "ten");
  for (const select of ["nearest", "random"] as const) {
    const [shown] = ids({ count: 4, select }, [row("x", edited)]);
    expect(new Set(shown)).toEqual(new Set(["b", "c", "d", "e"]));
  }
});

test("random is one seeded draw for all cases, without each case's own row", () => {
  const all = ids({ count: 3, select: "random" });
  for (const [at, shown] of all.entries()) {
    expect(shown).toHaveLength(3);
    expect(shown).not.toContain(train[at]?.id);
  }
  const others = [row("x", "Nothing like it."), row("y", "Other words.")];
  const [first, second] = ids({ count: 3, select: "random" }, others);
  expect(first).toEqual(second);
  const draws = [1, 2, 3, 4, 5].map((seed) => ids({ count: 3, select: "random", seed }, others)[0]?.join());
  expect(new Set(draws).size).toBeGreaterThan(1);
});

test("shows all rows if there are fewer than requested", () => {
  expect(ids({ count: 9, select: "nearest" })[0]).toHaveLength(4);
  expect(ids({ count: 9, select: "random" })[0]).toHaveLength(4);
});

test("a row of the case's group is left out", () => {
  const grouped = train.map((one) => ({ ...one, group: one.id === "b" ? "7" : one.id }));
  for (const select of ["nearest", "random"] as const) {
    const [shown] = chooseExamples(grouped, [{ input: "A stone in the right ureter.", group: "7" }], {
      ...{ count: 9, select, seed: 1 },
    });
    expect(new Set(shown?.map(({ id }) => id))).toEqual(new Set(["a", "c", "d", "e"]));
  }
});
