/**
 * Runs the pages of docs/tutorial/: writes their files and runs their commands in order. `EXP_UPDATE_DOCS=1` writes the outputs into
 * the pages, with the model that they name; otherwise a tiny random model takes its place. The output of a block with `same` does not
 * depend on the model, and must be that of the page.
 */
import { execFileSync, spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect } from "vitest";
import { type Rig, test } from "./rig.ts";

const folder = fileURLToPath(new URL("../../docs/tutorial", import.meta.url));
const pages = readdirSync(folder).filter((name) => name.endsWith(".md"));
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

/** The same model for a test: it answers in seconds. */
const small = (text: string): string => (update ? text : text.replace(/smollm2-135m( ?)/, "tiny-qwen3$1"));

/** A folder with the command `exp` and the files of a clone that the pages name. */
function workshop(rig: Rig): string {
  const top = rig.path("tutorial");
  for (const name of ["bin", "exp/docs"]) mkdirSync(join(top, name), { recursive: true });
  symlinkSync(folder, join(top, "exp/docs/tutorial"));
  writeFileSync(
    join(top, "bin/npx"),
    `#!/bin/sh\nshift\nexec "${process.execPath}" "${join(rig.package, "dist/cli.js")}" "$@"\n`,
    { mode: 0o755 },
  );
  return top;
}

describe("every command works of the page", () => {
  for (const name of pages) {
    test(
      name,
      ({ rig }) => {
        rig.usePython();
        const path = join(folder, name);
        const text = readFileSync(path, "utf8");
        const own = / exp init \.\.\/(\w+)/.exec(text)?.[1] as string;
        const top = workshop(rig);
        const study = join(top, own);
        const { CI: _ci, ...inherited } = process.env;
        const env = { ...inherited, ...rig.env, NO_COLOR: "1", PATH: `${join(top, "bin")}:${process.env.PATH}` };
        const ran: string[] = [];
        const page = text.replace(fence, (block, language: string, words: string, content: string) => {
          const { file, dir, exit, ...cut } = settings(words);
          if (file !== undefined) {
            mkdirSync(join(study, file, ".."), { recursive: true });
            writeFileSync(join(study, file), small(content));
            return block;
          }
          if (language !== "console") return block;
          const command = /^\$ (.*)$/m.exec(content)?.[1] as string;
          // smoke.test.ts covers smoke runs, which repeat every Python step.
          if (!update && command.includes("--smoke")) return block;
          const ended = spawnSync("sh", ["-c", command], {
            cwd: dir === undefined ? study : join(top, dir),
            env,
            encoding: "utf8",
          });
          const output = `${ended.stdout}${ended.stderr}`
            .replaceAll(ansi, "")
            .replaceAll(study, `/home/ada/${own}`)
            .replaceAll("tiny-qwen3", "smollm2-135m");
          expect(ended.status, `${command}\n${output}`).toBe(Number(exit ?? 0));
          ran.push(command);
          const made = `\`\`\`console${words}\n$ ${command}\n${shown(output, cut)}\n\`\`\``.replace("\n\n```", "\n```");
          if (!update && / same\b/.test(words)) expect(made, command).toBe(block);
          if (command.startsWith("npx exp init")) prepare(study, rig);
          return made;
        });
        const commands = ["check", "data", "plan", "run", "(?:show|compare)", "report", "export"];
        expect(ran.join("\n")).toMatch(new RegExp(commands.map((one) => `exp ${one} [^]*`).join("")));
        if (update) writeFileSync(path, page);
      },
      update ? 3_600_000 : 900_000,
    );
  }
});

/** What `npm install` and `cp` do in the pages. */
function prepare(study: string, rig: Rig): void {
  const first = join(study, "experiments/first.yaml");
  if (existsSync(join(study, "experiments/data"))) {
    for (const name of ["messages-train.csv", "messages-test.csv"])
      cpSync(join(folder, name), join(study, "experiments/data", name));
  } else writeFileSync(first, small(readFileSync(first, "utf8")));
  symlinkSync(join(rig.package, "node_modules"), join(study, "node_modules"));
}

test("the data files are those that generate.py writes", () => {
  const made = mkdtempSync(join(tmpdir(), "exp-tutorial-"));
  try {
    execFileSync("python3", [join(folder, "generate.py"), made]);
    const names = readdirSync(made);
    expect(names.sort()).toEqual(["chats.jsonl", "notes.jsonl", "rentals.jsonl", "tickets.csv"]);
    for (const name of names) expect(readFileSync(join(made, name))).toEqual(readFileSync(join(folder, name)));
  } finally {
    rmSync(made, { recursive: true });
  }
});
