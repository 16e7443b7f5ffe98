/** Completion scripts, run as a shell runs them. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { expect } from "vitest";
import { flagOf } from "../commands/command.ts";
import { commands } from "../commands/index.ts";
import { expectFailure } from "./command.ts";
import { type Rig, test } from "./rig.ts";

/** What bash offers for the last of some words. */
function offered(rig: Rig, script: string, ...typed: readonly string[]): readonly string[] {
  const program = `COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _exp; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const output = execFileSync("bash", ["-c", `${script}\n${program}`, "bash", "exp", ...typed], {
    cwd: rig.folder,
    encoding: "utf8",
  });
  return output.split("\n").filter((word) => word !== "");
}

test("bash offers commands, their options, files and finished runs", async ({ rig }) => {
  const script = await rig.output("completion", "bash");
  mkdirSync(rig.path("artifacts/runs/first"), { recursive: true });
  expect(offered(rig, script, "ver")).toEqual(["verify"]);
  expect(offered(rig, script, "run", "--acc")).toEqual(["--accept-stale"]);
  expect(offered(rig, script, "run", "exper")).toEqual(["experiments"]);
  expect(offered(rig, script, "show", "f")).toEqual(["first"]);
  expect(offered(rig, script, "completion", "")).toEqual(["bash", "zsh", "fish"]);
  expect(offered(rig, script, "nothing", "")).toEqual([]);
});

test("bash runs no command in the name of a folder", async ({ rig }) => {
  const script = await rig.output("completion", "bash");
  // biome-ignore lint/suspicious/noTemplateCurlyInString: a substitution of the shell
  const name = "$(touch${IFS}ran)`touch${IFS}ran`";
  mkdirSync(rig.path(`artifacts/runs/${name}`), { recursive: true });
  expect(offered(rig, script, "show", "$")).toEqual([name]);
  expect(existsSync(rig.path("ran"))).toBe(false);
});

test("the script of every shell has every command and option; another shell is refused", async ({ rig }) => {
  for (const shell of ["bash", "zsh", "fish"]) {
    const script = await rig.output("completion", shell);
    for (const [name, { load, isHidden }] of Object.entries(commands)) {
      if (isHidden === true) continue;
      expect(script, shell).toContain(name);
      for (const [key, option] of Object.entries((await load()).command.options)) {
        const flag = flagOf(key, option);
        expect(script, shell).toContain(shell === "fish" ? `-l ${flag.slice(2)}` : flag);
      }
    }
  }
  expectFailure(await rig.exp("completion", "powershell"), 2, "bad-argument");
});
