/**
 * Runs docs/tutorial.md: writes its files and runs its commands in order. `EXP_UPDATE_DOCS=1` writes their outputs into the page,
 * with the model that the page names; otherwise a tiny random model takes its place.
 */
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "vitest";
import { test } from "./rig.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const path = join(root, "docs/tutorial.md");
const update = process.env.EXP_UPDATE_DOCS === "1";
const ansi = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, "g");

/** A fenced block: its language, its attributes, its text. */
const fence = /^```(\w+)(.*)\n([\s\S]*?)^```$/gm;

/** `exit=2 head=5` -> {exit: "2", head: "5"} */
const settings = (words: string): Record<string, string | undefined> =>
  Object.fromEntries([...words.matchAll(/(\w+)=(\S+)/g)].map(([, key, value]) => [key as string, value]));

/** The lines that the page shows: the first `head` or the last `tail`, with a mark for the rest. */
function shown(output: string, { head, tail }: Record<string, string | undefined>): string {
  const lines = output.replace(/\n+$/, "").split("\n");
  if (head !== undefined && lines.length > Number(head)) return [...lines.slice(0, Number(head)), "…"].join("\n");
  if (tail !== undefined && lines.length > Number(tail)) return ["…", ...lines.slice(-Number(tail))].join("\n");
  return lines.join("\n");
}

test(
  "every command of the tutorial works",
  ({ rig }) => {
    rig.usePython();
    const top = rig.path("tutorial");
    const study = join(top, "tickets");
    for (const name of ["bin", "exp"]) mkdirSync(join(top, name), { recursive: true });
    writeFileSync(
      join(top, "bin/npx"),
      `#!/bin/sh\nshift\nexec "${process.execPath}" "${join(rig.package, "dist/cli.js")}" "$@"\n`,
      { mode: 0o755 },
    );
    const { CI: _ci, ...inherited } = process.env;
    const env = { ...inherited, ...rig.env, NO_COLOR: "1", PATH: `${join(top, "bin")}:${process.env.PATH}` };
    let commands = 0;
    const page = readFileSync(path, "utf8").replace(fence, (block, language: string, words: string, text: string) => {
      const { file, dir, exit, ...cut } = settings(words);
      if (file !== undefined) {
        mkdirSync(join(study, file, ".."), { recursive: true });
        writeFileSync(join(study, file), update ? text : text.replace("smollm2-135m ", "tiny-qwen3 "));
        return block;
      }
      if (language !== "console") return block;
      const command = /^\$ (.*)$/m.exec(text)?.[1] as string;
      // smoke.test.ts covers smoke runs, which repeat every Python step.
      if (!update && command.includes("--smoke")) return block;
      const ended = spawnSync("sh", ["-c", command], {
        cwd: dir === undefined ? study : join(top, dir),
        env,
        encoding: "utf8",
      });
      const output = `${ended.stdout}${ended.stderr}`.replaceAll(ansi, "").replaceAll(study, "/home/ada/tickets");
      expect(ended.status, `${command}\n${output}`).toBe(Number(exit ?? 0));
      commands++;
      if (command.startsWith("npx exp init")) {
        for (const name of ["messages-train.csv", "messages-test.csv"])
          cpSync(join(root, "docs/tutorial", name), join(study, "experiments/data", name));
        symlinkSync(join(rig.package, "node_modules"), join(study, "node_modules"));
      }
      return `\`\`\`console${words}\n$ ${command}\n${shown(output, cut)}\n\`\`\``;
    });
    expect(commands).toBeGreaterThan(12);
    if (update) writeFileSync(path, page);
  },
  update ? 3_600_000 : 900_000,
);
