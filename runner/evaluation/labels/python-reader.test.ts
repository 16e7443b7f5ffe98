import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { splitLabels } from "../../data/labels/split.ts";
import { pythonReader } from "./python-reader.ts";

const { split } = JSON.parse(
  readFileSync(new URL("../../../recipes/common/training/fixtures/labels.json", import.meta.url), "utf8"),
) as { readonly split: readonly { readonly text: string; readonly separator: string }[] };

/** A text whose unpaired brackets enclose the separator, and one with a byte-order mark, which Python does not trim. */
const isException = (text: string): boolean => text === "(a], b)" || text.includes("\ufeff");

test("the code of model cards splits labels as the parser does", () => {
  const cases = split.filter(({ text, separator }) => separator !== "" && !isException(text));
  const program = cases.flatMap(({ text, separator }) => {
    const { imports, lines } = pythonReader(separator);
    const [last, ...before] = lines.toReversed() as [string, ...string[]];
    return [
      ...imports.map((name) => `import ${name}`),
      `answer = ${JSON.stringify(text)}`,
      ...before.toReversed(),
      last.replace(/^print\((.*)\)$/, "print(json.dumps($1))"),
    ];
  });
  const printed = execFileSync("python3", ["-c", program.join("\n")], { encoding: "utf8" })
    .trim()
    .split("\n");
  expect(printed.map((line) => JSON.parse(line))).toEqual(
    cases.map(({ text, separator }) => splitLabels(text, separator)),
  );
});
