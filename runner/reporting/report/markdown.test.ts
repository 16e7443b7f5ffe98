import { expect, it } from "vitest";
import { markdownBlocks, markdownSections } from "./markdown.ts";

const tableOf = (number: number) => ({ id: `t-${number}`, caption: "A caption" });

it("Markdown becomes blocks: a line break is a space, and a table keeps its columns", () => {
  const text = "One\n*two*.\n\n- a\n  b\n\n| x | y |\n|---|--:|\n| `c` | 3 |\n";
  expect(markdownBlocks(text, tableOf)).toEqual([
    { type: "paragraph", spans: ["One ", { emph: "two" }, "."] },
    { type: "list", items: [["a b"]] },
    {
      ...{ type: "table", id: "t-1", caption: "A caption", head: ["x", "y"], align: ["left", "right"] },
      rows: [[[{ code: "c" }], ["3"]]],
    },
  ]);
});

it("sections are split at second-level headings; the title is left out", () => {
  expect(markdownSections("# Title\n\nIntro.\n\n## A\n\n### B\n\nText.\n").map(({ heading }) => heading)).toEqual([
    "",
    "A",
  ]);
  expect(markdownSections("## A\n\n### B\n\nText.\n")[0]?.text).toContain("### B\n\nText.");
});

it.each([
  ["200,000 lines without an empty line", `${"a\n".repeat(200_000)}===`],
  ["200,000 nested marks of emphasis", `${"*_".repeat(200_000)}a`],
])("%s are one error", (_name, notes) => {
  expect(() => markdownBlocks(notes, tableOf)).toThrow(/the notes have/);
});
