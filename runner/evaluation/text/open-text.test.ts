import { describe, expect, it } from "vitest";
import type { ComparedCase } from "../../plugins/tasks/category.ts";
import { lead } from "../baselines/lead.ts";
import { nearest } from "../baselines/nearest.ts";
import { compareCase } from "../error-analysis/case.ts";
import { textCategories } from "./categories.ts";
import { longestText, openText } from "./open-text.ts";
import { textStrata } from "./strata.ts";

const parse = (text: string, finish?: string) => openText.parseAnswer(text, { labels: new Set(), finish });

describe("an answer", () => {
  it("is its text without chat markup and outer space", () => {
    expect(parse("<think>hm</think>\n Pump leak. \n")).toMatchObject({ prediction: "Pump leak.", parsed: true });
    expect(parse("```\nPump leak.\n```").prediction).toBe("Pump leak.");
    expect(parse("assistant\n<answer>Pump leak.</answer><|im_end|>\n").prediction).toBe("Pump leak.");
    expect(parse("Two lines:\n- a\n- b")).toEqual({ prediction: "Two lines:\n- a\n- b", parsed: true, notes: [] });
  });
  it("is not parsed if nothing remains", () => {
    expect(parse(" \n")).toEqual({ prediction: null, parsed: false, notes: ["empty"] });
    expect(parse("<think>only thoughts</think>")).toMatchObject({ prediction: null, parsed: false });
  });
  it("has notes if it was cut or loops", () => {
    expect(parse("The pump", "length").notes).toEqual(["truncated"]);
    expect(parse("It leaks. The pump is old. The pump is old. The pump is old.").notes).toEqual(["repeated"]);
    expect(parse("no no no").notes).toEqual([]);
    expect(parse("a leak a leak a leak a").notes).toEqual(["repeated"]);
  });
});

describe("a text that is too long to score", () => {
  it("is an error as a target", () => {
    expect(openText.readCell(" a".repeat(longestText / 2)).problem).toBeUndefined();
    expect(openText.readCell("a".repeat(longestText + 1)).problem).toContain("100,001 characters; at most 100,000");
  });
  it("is cut as an answer, between characters", () => {
    const { prediction, notes } = parse(`x${"\u{1f600}".repeat(longestText / 2)}`);
    expect(notes).toContain("truncated");
    expect(prediction).toHaveLength(longestText - 1);
    expect(prediction).toMatch(/^x\u{1f600}+$/u);
  });
});

it("each target is read back as itself", () => {
  const texts = [
    "a",
    " b \n c ",
    '"quoted"',
    "1. list\n2. more",
    "AI: a budget",
    "Model",
    "Bot: no login\nUser: locked",
  ];
  texts.push("Run:\n```sh\nls\n```\nThen stop.", "Use <label>x</label>", "It is $\\boxed{4}$ and \\text{m}");
  for (const text of texts) {
    const { target } = openText.readCell(text);
    expect(openText.parts(parse(target).prediction, "raw")).toEqual(openText.parts(target, "raw"));
  }
});

describe("categories of a wrong answer", () => {
  const gold = "Feed pump leak in hall A: worn seal, no loss of product";
  const namesOf = (given: string): readonly string[] => {
    const answer = { id: "1", gold, prediction: given, parsed: given !== "", notes: [] };
    const one: ComparedCase = compareCase(answer, (value) => openText.parts(value as string, "raw"));
    const context = { trained: new Set<string>(), groupsOf: () => [], input: () => "" };
    return textCategories.filter(({ applies }) => applies(one, context)).map(({ name }) => name);
  };
  it.each([
    ["the feed pump leak in hall a, worn seal; no loss of product", ["near_variant", "partial_overlap"]],
    ["Feed pump leak in hall A: worn seal", ["partial_overlap"]],
    ["Broken printer", ["low_overlap"]],
    ["", []],
  ])("%s", (given, names) => {
    expect(namesOf(given)).toEqual(names);
  });
});

it("strata cover every case, in the order of their values", () => {
  for (const { name, values, value } of textStrata) {
    for (const gold of ["", "one", "one two three four five six", "word ".repeat(200)])
      for (const input of ["", "one two", "one two three four five six seven"])
        expect(values, name).toContain(value({ gold: gold === "" ? [] : [gold] }, input));
  }
  const [length, shared, copied] = textStrata.map(({ value }) =>
    value({ gold: ["a broken pump leaks"] }, "Today a broken pump was seen"),
  );
  expect([length, shared, copied]).toEqual(["1-5 words", "51-75 %", "3-5 words"]);
});

describe("baselines", () => {
  const train = [
    { input: "Pump leaks in hall A. Nobody was hurt.", gold: "Pump leaks" },
    { input: "Fan stops in hall B. It was old.", gold: "Fan stops" },
    { input: "Mixer jams at night. A bearing broke.", gold: "Mixer jams" },
  ];
  it("lead gives as many words as are best for the training rows", () => {
    expect(lead(train, ["Boiler fails at noon. It was cold.", "One", ""])).toEqual(["Boiler fails", "One", ""]);
  });
  it("nearest gives the text of the most similar row, and the first one without a shared term", () => {
    expect(nearest(train, ["a fan stops", "zebra"])).toEqual(["Fan stops", "Pump leaks"]);
  });
});
