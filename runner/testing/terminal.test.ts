/** The live view in a real terminal at two sizes, during and after a run. */
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect } from "vitest";
import { processesWith } from "./faults.ts";
import { type Rig, test } from "./rig.ts";

const missing = tmuxMissing();
if (missing !== undefined) console.error(`terminal tests are skipped: ${missing}`);

const sizes = [
  { columns: 80, rows: 24 },
  { columns: 40, rows: 24 },
];

describe.skipIf(missing !== undefined).each(sizes)("on a terminal of $columns x $rows,", ({ columns, rows }) => {
  test("a training has one row with bar, loss and time; Ctrl-C stops it", async ({ rig }) => {
    rig.usePython();
    rig.addTinyModel("qwen3", "models/tiny");
    const screen = open(rig, columns, rows);
    screen.type(`${exp(rig)} run experiments/tuned.yaml --until train --set train.epochs=50; echo "code $?"`);
    const training = await screen.shows(/train +\S* *\d+%/);
    const row = training.find((line) => /train .*%/.test(line)) ?? "";
    expect(row.length).toBeLessThanOrEqual(columns);
    if (columns >= 80) expect(row).toMatch(/\d+\/\d+ .*loss \d/);
    expect(training.filter((line) => /train .*%/.test(line))).toHaveLength(1);
    expect(training.some((line) => /\d+ of 5 steps/.test(line))).toBe(true);

    screen.key("C-c");
    const after = await screen.shows(/^code 130$/);
    expect(after.some((line) => /train +.*interrupted/.test(line))).toBe(true);
    expect(after.filter((line) => /^\s+at /.test(line))).toEqual([]);
    expect(processesWith(rig.path("artifacts"))).toEqual([]);
  });

  test("a finished run leaves its steps on the screen; a cached run leaves one line", async ({ rig }) => {
    const screen = open(rig, columns, rows);
    screen.type(`${exp(rig)} run experiments/study.yaml; echo "code $?"`);
    const first = await screen.shows(/^code 0$/);
    expect(first.some((line) => /5 steps: 5 built/.test(line))).toBe(true);
    for (const step of ["data", "generate.zero_shot", "evaluate.zero_shot", "analyse", "workbook"]) {
      expect(first.filter((line) => line.includes(`${step} `) && /\ds$/.test(line))).toHaveLength(1);
    }
    screen.type(`clear; ${exp(rig)} run experiments/study.yaml; echo "again $?"`);
    const again = await screen.shows(/^again 0$/);
    expect(again.some((line) => /5 steps: 5 reused/.test(line))).toBe(true);
    expect(again.filter((line) => /generate\.zero_shot .*s$/.test(line))).toEqual([]);
  });

  test("the error of a failed step is below the view", async ({ rig }) => {
    rig.edit("experiments/data/answers.jsonl", '"test-2"', '"test-x"');
    const screen = open(rig, columns, rows);
    screen.type(`${exp(rig)} run experiments/study.yaml; echo "code $?"`);
    const lines = await screen.shows(/^code 1$/);
    expect(lines.join("")).toMatch(/generate\.zero_shot failed: .*replay-incomplete/);
  });
});

type Screen = {
  type(command: string): void;
  key(name: string): void;
  /** Waits until a line matches, and returns all lines of the screen and its history. */
  shows(pattern: RegExp): Promise<readonly string[]>;
};

/** Opens a terminal in the study, with a separate tmux server. */
function open(rig: Rig, columns: number, rows: number): Screen {
  const socket = rig.path("../tmux");
  const tmux = (...args: readonly string[]) =>
    execFileSync("tmux", ["-S", socket, "-f", "/dev/null", ...args], { encoding: "utf8", stdio: "pipe" });
  const { CI: _ci, NO_COLOR: _color, TMUX: _tmux, ...env } = process.env;
  const variables = Object.entries(rig.env).flatMap(([name, value]) => ["-e", `${name}=${value}`]);
  execFileSync(
    "tmux",
    ["-S", socket, "-f", "/dev/null", "new-session", "-d", "-x", `${columns}`, "-y", `${rows}`, ...variables].concat([
      "-c",
      rig.folder,
      "env",
      "PS1=$ ",
      "LC_ALL=C.UTF-8",
      "bash",
      "--norc",
      "--noprofile",
    ]),
    { env: { ...env, LC_ALL: "C.UTF-8" }, stdio: "pipe" },
  );
  rig.onClose(() => void tmux("kill-server"));
  return {
    type: (command) => void tmux("send-keys", command, "Enter"),
    key: (name) => void tmux("send-keys", name),
    async shows(pattern) {
      const until = performance.now() + 90_000;
      for (;;) {
        const lines = tmux("capture-pane", "-p", "-S", "-200").trimEnd().split("\n");
        if (lines.some((line) => pattern.test(line))) return lines;
        if (performance.now() > until) throw new Error(`the screen never showed ${pattern}:\n${lines.join("\n")}`);
        await sleep(50);
      }
    },
  };
}

function exp(rig: Rig): string {
  return `${process.execPath} ${join(rig.package, "dist/cli.js")}`;
}

function tmuxMissing(): string | undefined {
  try {
    execFileSync("tmux", ["-V"], { stdio: "pipe" });
    return undefined;
  } catch {
    return "tmux is not installed";
  }
}
