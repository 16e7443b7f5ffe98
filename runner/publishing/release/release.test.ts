import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { absolutePathIn, secretIn } from "./leak-patterns.ts";
import { licences } from "./licences.ts";
import { RowSearch } from "./row-search.ts";

const row = "The liver shows a 12 mm cyst in segment four; kidneys, spleen and pancreas are normal.";

describe("a row is found", () => {
  const cases: readonly (readonly [what: string, text: string])[] = [
    ["as it is", `before ${row} after`],
    ["within JSON", JSON.stringify({ note: `line one\n${row}` })],
    ["in other case, spaces and marks", `## ${row.toUpperCase().replaceAll(" ", " \n ")}`],
    ["by twelve of its words", "... liver shows a 12 mm cyst in segment four; kidneys, spleen and ..."],
  ];
  for (const [what, text] of cases) {
    it(what, () => {
      const search = new RowSearch({ "a.md": "nothing", "b.md": text, "c.md": text });
      expect([...search.textsWith(row)]).toEqual(["b.md", "c.md"]);
    });
  }
  it("as a whole if it is short", () => {
    const search = new RowSearch({ a: "seen: simple cyst of the liver, unchanged. end" });
    expect([...search.textsWith("Simple cyst of the liver")]).toEqual(["a"]);
    expect(search.textsWith("Simple cyst of the kidney").size).toBe(0);
  });
  it("in scripts without spaces, and by escapes", () => {
    const text = "肝右葉に直径十二ミリの嚢胞を認める。";
    const escaped = [...text].map((letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, "0")}`).join("");
    expect(new RowSearch({ a: `"${escaped}"` }).textsWith(text).size).toBe(1);
  });
});

describe("a row is not found", () => {
  it("by eleven words, or by a label", () => {
    const search = new RowSearch({ a: "liver shows a 12 mm cyst in segment four kidneys spleen", b: "liver cyst" });
    expect(search.textsWith(row).size).toBe(0);
    expect(search.textsWith("liver cyst").size).toBe(0);
  });
});

describe("places on a machine", () => {
  const found: readonly (readonly [name: string, text: string, path: string])[] = [
    ["a.json", '{"base": ["x", {"path": "/scratch/me/model"}]}', "/scratch/me/model"],
    ["a.json", '{"base": "C:\\\\Users\\\\me\\\\model"}', "C:\\Users\\"],
    ["README.md", "weights lie in /home/me/models", "/home/me"],
    ["README.md", "weights lie in C:\\Users\\me\\models", "C:\\Users\\me\\"],
    ["a.json", '{"note": "below /srv/own/project/x"}', "/srv/own/project"],
  ];
  for (const [name, text, path] of found) {
    it(`${text} in ${name}`, () => expect(absolutePathIn(name, text, ["/srv/own/project", "/"])).toBe(path));
  }
  it("are not web addresses, relative paths, vocabularies and divisions", () => {
    for (const text of ["https://huggingface.co/data/x", "prompts/home/x.hbs", "a/data/b", "16 / 32 / 0"]) {
      expect(absolutePathIn("README.md", text, [])).toBeUndefined();
    }
    expect(absolutePathIn("tokenizer.json", '{"vocab": {"/home/": 1, "/usr/bin": 2}, "merges": ["/ home"]}', [])).toBe(
      undefined,
    );
  });
});

it("secrets are recognised by their form", () => {
  const made = [
    `hf_${"a1B2".repeat(8)}`,
    `sk-proj-${"a1B2".repeat(8)}`,
    `ghp_${"a1B2".repeat(9)}`,
    `AKIA${"A1B2".repeat(4)}`,
  ];
  for (const secret of [...made, "-----BEGIN RSA PRIVATE KEY-----"]) expect(secretIn(`key: ${secret}\n`)).toBeDefined();
  expect(secretIn("hf_hub_download, task-specific-layers-of-the-model, HF_TOKEN")).toBeUndefined();
});

it("licences agree with the list of preflight", () => {
  const source = readFileSync(
    fileURLToPath(new URL("../../../recipes/common/preflight/upload.py", import.meta.url)),
    "utf8",
  );
  const list = source.slice(source.indexOf("LICENSES = frozenset(("), source.indexOf("))"));
  expect([...licences].sort()).toEqual([...list.matchAll(/"([^"]+)"/g)].map(([, name]) => name as string).sort());
});
