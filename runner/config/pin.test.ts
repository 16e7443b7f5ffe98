import { expect, test } from "vitest";
import { parse } from "./document.ts";
import { plain } from "./node.ts";
import { withRevision } from "./pin.ts";

const commit = "b968826d9c46dd6066d109eabc6255188de91218";

const layouts: Readonly<Record<string, readonly [before: string, after: string]>> = {
  "a block": [
    "# top\nmodel:\n  base: a/b   # the model\n  size: 8B\nprompt: {template: x}   # end\n",
    `# top\nmodel:\n  base: a/b   # the model\n  revision: ${commit}\n  size: 8B\nprompt: {template: x}   # end\n`,
  ],
  "a branch, with its comment": [
    'model:\n    revision: "main"    # moves\n    base: a/b\n',
    `model:\n    revision: ${commit}    # moves\n    base: a/b\n`,
  ],
  "an inline map": ["model: {base: a/b, size: 8B} # x\n", `model: {base: a/b, revision: ${commit}, size: 8B} # x\n`],
  "an inline map of one": ["model: { base: 'a/b' }\n", `model: { base: 'a/b', revision: ${commit} }\n`],
  "an inline branch": ["model: {revision: v1.0, base: a/b}\n", `model: {revision: ${commit}, base: a/b}\n`],
  "a key without value": [
    "model:\n  revision: # later\n  base: a/b\n",
    `model:\n  revision: ${commit} # later\n  base: a/b\n`,
  ],
  "an end without a line break": ["model:\n  base: a/b", `model:\n  base: a/b\n  revision: ${commit}`],
  "Windows line ends": [
    "model:\r\n  base: a/b\r\nname: x\r\n",
    `model:\r\n  base: a/b\r\n  revision: ${commit}\r\nname: x\r\n`,
  ],
  "a blank line after the base": [
    "model:\n  base: a/b\n\n  # about the size\n  size: 8B\n",
    `model:\n  base: a/b\n  revision: ${commit}\n\n  # about the size\n  size: 8B\n`,
  ],
  "a map over lines": [
    "model: {\n  base: a/b,\n  size: 8B }\n",
    `model: {\n  base: a/b, revision: ${commit},\n  size: 8B }\n`,
  ],
};

const model = { path: ["model"], kind: "model" } as const;

for (const [name, [before, after]] of Object.entries(layouts)) {
  test(`the commit goes into ${name}, and all else stays`, () => {
    const text = withRevision(before, model, commit);
    expect(text).toBe(after);
    const parsed = parse({ path: "x.yaml", text: text as string });
    if (!parsed.ok) throw new Error(parsed.diagnostics[0]?.message);
    expect(plain(parsed.value.root)).toMatchObject({ model: { base: "a/b", revision: commit } });
  });
}

test("a model that is an alias is left alone", () => {
  expect(withRevision("x: &m {base: a/b}\nmodel: *m\n", model, commit)).toBeUndefined();
});

test("the commit of a data set goes next to its name", () => {
  const train = { path: ["data", "train"], kind: "dataset" } as const;
  const block = "data:\n  train:\n    hub: a/b  # public\n    split: train\n";
  const flow = "data: {train: {hub: a/b, limit: 5}}  # all\n";
  expect(withRevision(block, train, commit)).toBe(
    `data:\n  train:\n    hub: a/b  # public\n    revision: ${commit}\n    split: train\n`,
  );
  expect(withRevision(flow, train, commit)).toBe(`data: {train: {hub: a/b, revision: ${commit}, limit: 5}}  # all\n`);
});
