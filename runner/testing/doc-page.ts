/** Runs the examples of a page of docs/: blocks with `file=PATH` are written, those with the word `test` are commands. */
import { mkdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "vitest";
import type { Rig } from "./rig.ts";

const clone = fileURLToPath(new URL("../..", import.meta.url));

/** Writes the files of a page and runs its commands, of which there are `commands`. Gives what each prints. */
export async function runDocPage(rig: Rig, path: string, commands: number): Promise<readonly string[]> {
  const page = readFileSync(join(clone, path), "utf8");
  const blocks = [...page.matchAll(/^```(\w+) (.+)\n([\s\S]*?)^```$/gm)];
  for (const [, , words = "", text = ""] of blocks) {
    const file = /file=(\S+)/.exec(words)?.[1];
    if (file === undefined) continue;
    mkdirSync(rig.path(dirname(file)), { recursive: true });
    rig.write(file, text);
  }
  const lines = blocks.flatMap(([, , words, text = ""]) => (words === "test" ? text.trim().split("\n") : []));
  const outputs: string[] = [];
  for (const line of lines) {
    const { code, stdout, stderr } = await rig.exp(...line.split(" ").slice(1));
    expect(code, `${line}\n${stdout}${stderr}`).toBe(0);
    outputs.push(stdout);
  }
  expect(lines.length).toBe(commands);
  return outputs;
}
