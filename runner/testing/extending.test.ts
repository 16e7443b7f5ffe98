/**
 * Applies docs/extending.md to a copy of the repository: writes its files, makes its edits, checks types and layers, builds, and
 * runs its commands.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "vitest";
import { test } from "./rig.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const page = readFileSync(join(root, "docs/extending.md"), "utf8");

/** A fenced block: its language, its attributes, its text. */
const blocks = [...page.matchAll(/^```(\w+) (.+)\n([\s\S]*?)^```$/gm)].map(
  ([, language = "", words = "", text = ""]) => ({
    language,
    text,
    file: /file=(\S+)/.exec(words)?.[1],
    runs: language === "sh" && words.startsWith("test"),
    exit: Number(/exit=(\d)/.exec(words)?.[1] ?? 0),
  }),
);

/**
 * Applies a block `diff`. A "-" line is removed and a " " line is kept; each must occur once. The "+" lines after it take its
 * place or follow it. "+import" lines go to the start of the file.
 */
function edited(text: string, diff: string): string {
  let result = text;
  for (const [, sign, anchor = "", added = ""] of `\n${diff}`.matchAll(/\n([- ])(.*)((?:\n\+.*)*)/g)) {
    expect(result.split(`${anchor}\n`), `"${anchor}" in the file`).toHaveLength(2);
    const lines = [...(sign === " " ? [anchor] : []), ...added.split("\n+").slice(1)];
    result = result.replace(`${anchor}\n`, () => `${lines.join("\n")}\n`);
  }
  const imports = [...diff.matchAll(/^\+(import .*)$/gm)].map(([, line]) => `${line}\n`);
  return `${imports.join("")}${result}`;
}

test("each example of docs/extending.md works in a copy of the repository", ({ rig }) => {
  rig.usePython();
  const copy = rig.path("clone");
  const study = rig.path("plants");
  mkdirSync(copy);
  for (const name of [
    "runner",
    "recipes",
    "prompts",
    "notebooks",
    "bench",
    "docs",
    "package.json",
    "tsconfig.json",
    "CHANGELOG.md",
    ".dependency-cruiser.mjs",
  ]) {
    cpSync(join(root, name), join(copy, name), { recursive: true });
  }
  symlinkSync(join(root, "node_modules"), join(copy, "node_modules"));
  const env = { ...process.env, ...rig.env, NO_COLOR: "1" };
  const exp = (args: readonly string[]) =>
    spawnSync(process.execPath, [join(copy, "dist/cli.js"), ...args], { cwd: study, env, encoding: "utf8" });
  const run = (program: string, args: readonly string[]) =>
    spawnSync(program, [...args], { cwd: copy, env, encoding: "utf8" });

  for (const { language, file, text } of blocks) {
    if (file === undefined || file.startsWith("experiments/")) continue;
    const path = join(copy, file);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, language === "diff" ? edited(readFileSync(path, "utf8"), text) : text);
  }
  const types = run(join(root, "node_modules/.bin/tsc"), ["--noEmit"]);
  expect(types.stdout).toBe("");
  const layers = run(join(root, "node_modules/.bin/depcruise"), ["--config", ".dependency-cruiser.mjs", "runner"]);
  expect(layers.stdout.split("\n").filter((line) => line.trim().startsWith("error"))).toEqual([]);
  execFileSync(process.execPath, ["runner/build.mjs"], { cwd: copy, stdio: "pipe" });

  mkdirSync(study);
  const created = exp(["init", "."]);
  expect(created.status, created.stderr).toBe(0);
  symlinkSync(join(copy, "node_modules"), join(study, "node_modules"));
  let commands = 0;
  for (const { file, text, runs, exit } of blocks) {
    if (file?.startsWith("experiments/")) writeFileSync(join(study, file), text);
    if (!runs) continue;
    for (const line of text.trim().split("\n")) {
      const ended = exp(line.split(" ").slice(1));
      expect(ended.status, `${line}\n${ended.stdout}${ended.stderr}`).toBe(exit);
      commands++;
    }
  }
  expect(commands).toBeGreaterThan(8);
}, 900_000);
