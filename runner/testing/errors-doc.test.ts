import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));
const word = '"([a-z0-9]+(?:-[a-z0-9]+)*)"';

/** Patterns of error codes in TypeScript and Python: the first argument of a function that fails, or a field `code`. */
const patterns = [
  `\\bRule\\(\\s*${word}`,
  `(?:UserError|StepFailed)\\(\\s*(?:code=)?${word}`,
  `\\bcode: ${word}`,
  `\\bcode: (?:\\w+ \\? )?${word} [:|] ${word}(?: \\| ${word})?`,
  `\\.(?:error|warning)\\(\\s*(?:\`[^\`]*\`|"[^"]*"|\\w+),\\s*${word},`,
  `(?:\\bfail|#error|\\brefus(?:e|al)|\\bsaid|problems\\.warn)\\(\\s*${word}`,
  `complain\\(\\s*(?:[\\w.]+,\\s*)?${word},`,
  `problems\\.add\\(\\s*[^,"]+,\\s*[^,"]+,\\s*${word}`,
];

function sources(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((file) => /\.(ts|py)$/.test(file) && !/\.test\.ts$|(^|\/)(test|fixtures)\/|(^|\/)test_/.test(file))
    .map((file) => readFileSync(join(root, folder, file), "utf8"));
}

const texts = [...sources("runner"), ...sources("recipes")];
const documented = [
  ...readFileSync(join(root, "docs/reference/errors.md"), "utf8").matchAll(/^\| (`[^|]*`) \|/gm),
].flatMap(([, cell]) => [...(cell as string).matchAll(/`([^`]+)`/g)].map(([, code]) => code as string));

it("errors.md documents every code of the source", () => {
  const used = texts.flatMap((text) =>
    patterns.flatMap((pattern) =>
      [...text.matchAll(new RegExp(pattern, "g"))].flatMap((match) =>
        match.slice(1).filter((code) => code !== undefined),
      ),
    ),
  );
  expect(used.length).toBeGreaterThan(100);
  expect([...new Set(used)].filter((code) => !documented.includes(code)).sort()).toEqual([]);
});

it("every code in errors.md exists in the source and is documented once", () => {
  const all = texts.join("\n");
  expect(documented.filter((code) => !all.includes(`"${code}"`))).toEqual([]);
  expect(documented.filter((code, index) => documented.indexOf(code) !== index)).toEqual([]);
});
