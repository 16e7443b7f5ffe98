import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { basicForm } from "./basic.ts";
import { splitLabels } from "./split.ts";

/** recipes/common/training/test_scoring.py compares the same file with the Python side. */
const fixture = JSON.parse(
  readFileSync(new URL("../../../recipes/common/training/fixtures/labels.json", import.meta.url), "utf8"),
) as {
  readonly basic: Readonly<Record<string, string>>;
  readonly split: readonly { readonly text: string; readonly separator: string; readonly labels: readonly string[] }[];
};

describe("what the trainers read as labels", () => {
  it.each(Object.entries(fixture.basic))("%j in the basic view", (label, form) => expect(basicForm(label)).toBe(form));
  it.each(fixture.split)("$text cut at $separator", ({ text, separator, labels }) =>
    expect(splitLabels(text, separator)).toEqual(labels),
  );
});
