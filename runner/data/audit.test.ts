import { expect, it } from "vitest";
import { audit, blocking } from "./audit.ts";
import type { Row } from "./rows.ts";

const row = (id: string, input: string, ...gold: string[]): Row => ({ id, input, answer: gold.join(", "), gold });
const train = [row("1", "one", "a", "b"), row("2", "two", "A."), row("3", "three", "c")];

it("a clean study has facts and no findings", () => {
  const result = audit({ train: [train[0] as Row, train[2] as Row], test: [row("9", "nine", "a")] });
  expect(result.findings).toEqual([]);
  expect(result.splits.train).toMatchObject({ rows: 2, labels_raw: 3, labels_per_row: 1.5, labels_once: 3 });
  expect(result.splits.validation).toBeUndefined();
});

const cases: [string, Parameters<typeof audit>[0], string, readonly string[]][] = [
  ["no rows", { train: [] }, "error no-rows 1", ["train"]],
  ["a leak", { train, test: [row("8", " ONE\n", "a", "b")] }, "error leak 2", ["train/1", "test/8"]],
  [
    "a leak into validation",
    { train, validation: [row("8", "two", "A.")] },
    "error leak 2",
    ["train/2", "validation/8"],
  ],
  [
    "a group in two parts",
    { train: [{ ...train[0], group: "p1" } as Row], test: [{ ...row("8", "eight", "a"), group: "p1" }] },
    "error group-leak 2",
    ["train/1", "test/8"],
  ],
  ["an empty input", { train: [...train, row("4", " \n", "a")] }, "error empty-input 1", ["train/4"]],
  ["an empty target", { train: [...train, row("4", "four")] }, "warning empty-target 1", ["train/4"]],
  ["an id in two parts", { train, test: [row("1", "x", "a")] }, "warning same-id 2", ["train/1", "test/1"]],
  ["a repeated input", { train: [...train, row("4", "One", "A", "B")] }, "warning duplicate-input 1", ["train/4"]],
  ["a contradiction", { train: [...train, row("4", "one", "c")] }, "warning contradiction 2", ["train/1", "train/4"]],
  ["label variants", { train }, "warning label-variants 1", ['"A." / "a"']],
  [
    "a sentence as a label",
    { train: [...train, row("4", "four", "b".repeat(90))] },
    "warning long-label 1",
    ["train/4"],
  ],
  [
    "a target that is misread",
    { train: [...train, row("4", "four", "misread")] },
    "error unreadable-target 1",
    ["train/4"],
  ],
  ["an unseen sentence", { train, test: [row("8", "x", "a", "unseen")] }, "warning unseen-unreadable 1", ["test/8"]],
  ["an unseen label", { train, test: [row("8", "x", "new", "a")] }, "warning unseen-label 1", ['"new"']],
];
it.each(cases)("%s is found", (_, splits, expected, examples) => {
  const readBack = ({ gold }: Row) =>
    gold.includes("misread") ? "misread" : gold.includes("unseen") ? "unseen" : ("read" as const);
  const { findings } = audit(splits, { readBack });
  const found = findings.map(({ severity, code, count }) => `${severity} ${code} ${count}`);
  expect(found).toContain(expected);
  const code = expected.split(" ")[1];
  expect(findings.find((one) => one.code === code)?.examples).toEqual(examples);
});

it("a part without rows counts as absent", () => {
  const result = audit({ train, validation: [], test: [] });
  expect(blocking(result)).toEqual([]);
  expect(Object.keys(result.splits)).toEqual(["train"]);
});

it("errors stop a run unless they are accepted by code", () => {
  const splits = { train, test: [row("8", "one", "a", "b")] };
  expect(blocking(audit(splits)).map(({ code }) => code)).toEqual(["leak"]);
  expect(blocking(audit(splits, { accept: ["leak"] }))).toEqual([]);
  expect(blocking(audit({ train: [] }, { accept: ["no-rows"] }))).toHaveLength(1);
  expect(audit(splits, { accept: ["leak"] }).findings.find(({ code }) => code === "leak")?.accepted).toBe(true);
});

it("computes the coverage of test labels by training", () =>
  expect(audit({ train, test: [row("8", "x", "new", "a", "b", "c")] }).splits.test?.seen_in_training).toBe(0.75));

it.each([",", ";", " | ", "\n", " / "])(
  "labels of other rows that %j joins in one text are several labels",
  (between) => {
    const rows = ["a", "b", `a${between}b`, `a${between}c`].map((label, at) => row(`${at}`, `text ${at}`, label));
    const codes = (isSingle: boolean) =>
      audit({ train: rows }, { isSingle }).findings.filter(({ code }) => code === "several-labels");
    expect(codes(true)).toMatchObject([{ severity: "error", examples: ["train/2"] }]);
    expect(codes(false)).toEqual([]);
  },
);

it("counts the groups of a split", () => {
  const of = (id: string, group: string): Row => ({ ...row(id, id, "a"), group });
  const { splits, findings } = audit({ train: [of("1", "p"), of("2", "p"), of("3", "q")], test: [of("4", "r")] });
  expect([splits.train?.groups, splits.test?.groups]).toEqual([2, 1]);
  expect(findings.map(({ code }) => code)).not.toContain("group-leak");
});

it("occurrences of unseen labels are counted in the basic view, and with synonyms merged", () => {
  const splits = { train: [row("1", "one", "cyst")], test: [row("8", "x", "Cysts", "new"), row("9", "y", "new")] };
  const message = (canonical?: (label: string) => string) =>
    audit(splits, { canonical }).findings.find(({ code }) => code === "unseen-label")?.message;
  expect(message()).toContain("3 occurrences in 2 rows");
  expect(message()).not.toContain("canonical");
  expect(message((label) => label.toLowerCase().replace(/s$/, ""))).toMatch(/3 occurrences .*; 2 with synonyms merged/);
});

it("numbers are odd labels only among few rows", () => {
  const rated = (labels: readonly string[]) => labels.map((label, at) => row(`${at}`, `text ${at}`, label));
  const odd = (labels: readonly string[]) =>
    audit({ train: rated(labels) }).findings.find(({ code }) => code === "odd-label")?.examples;
  expect(odd(["1", "2", "3", "good"])).toBeUndefined();
  expect(odd(["good", "bad", "bad", "3"])).toEqual(["train/3"]);
  expect(odd(["1", "2", "3", "NaN"])).toEqual(["train/3"]);
});
