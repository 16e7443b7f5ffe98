import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type BuildOptions, build } from "esbuild";
import { afterAll, beforeAll, expect, it } from "vitest";
import { fewerChunks } from "./chunks.mjs";

/** `first` needs a and b, `second` b and c, `third` c and d: each module has a set of entry points of its own. */
const sources = {
  "cli.ts": `for (const load of [() => import("./first.ts"), () => import("./second.ts"), () => import("./third.ts")])
    console.log((await load()).value);`,
  "first.ts": 'import { a } from "./a.ts"; import { b } from "./b.ts"; export const value = a + b;',
  "second.ts": 'import { b } from "./b.ts"; import { c } from "./c.ts"; export const value = b + c;',
  "third.ts": 'import { c } from "./c.ts"; import { d } from "./d.ts"; export const value = c + d;',
  ...Object.fromEntries(["a", "b", "c", "d"].map((name) => [`${name}.ts`, `export const ${name} = "${name}";`])),
};

let root: string;
beforeAll(() => {
  root = `${mkdtempSync(join(tmpdir(), "exp-chunks-"))}/`;
  mkdirSync(join(root, "runner"));
  for (const [name, text] of Object.entries(sources)) writeFileSync(join(root, "runner", name), text);
});
afterAll(() => rmSync(root, { recursive: true }));

/** The sources in each file that the build writes. */
async function filesOf(plugins: BuildOptions["plugins"] = []) {
  const { metafile } = await build({
    ...{ absWorkingDir: root, entryPoints: { cli: "runner/cli.ts" }, outdir: "dist", write: false, metafile: true },
    ...{ bundle: true, splitting: true, format: "esm", plugins },
  });
  const contents = Object.values(metafile.outputs).map(({ inputs }) =>
    Object.keys(inputs).filter((path) => path.startsWith("runner/")),
  );
  return { metafile, contents: contents.filter(({ length }) => length > 0) };
}

it("a group of modules is one chunk, which each entry point that needs one of them loads", async () => {
  const before = await filesOf();
  expect(before.contents).not.toContainEqual(expect.arrayContaining(["runner/a.ts", "runner/b.ts"]));
  const group = ["runner/a.ts", "runner/b.ts", "runner/c.ts"];
  const { contents } = await filesOf([fewerChunks(before.metafile, root, [["runner/first.ts", "runner/second.ts"]])]);
  expect(contents).toContainEqual(expect.arrayContaining(group));
  expect(contents.flat().sort()).toEqual(before.contents.flat().sort());
});
