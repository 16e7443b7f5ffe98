import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify, stripVTControlCharacters } from "node:util";
import { build } from "esbuild";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Event } from "../execution/event.ts";
import { chooseReporter } from "./choose-reporter.ts";
import { linesReporter } from "./lines-reporter.ts";
import { glyphs } from "./progress-line.ts";
import type { Screen } from "./reporter.ts";
import { endedRow, RunProgress, shortRun } from "./run-progress.ts";
import { textWidth } from "./text-width.ts";

const error = { code: "rows-too-long", message: "3 rows are too long", help: "raise train.max_length" };

function reused(step: string): Event {
  return { type: "step-end", step, status: "reused", seconds: 0 };
}

function planned(...ids: string[]): Event {
  const steps = ids.map((id) => ({
    id,
    kind: id,
    status: id === "data" ? ("cached" as const) : ("run" as const),
    reason: "",
  }));
  return { type: "plan", runs: 1, steps };
}

function screen(tty = false) {
  const written = { out: "", err: "" };
  const target: Screen = {
    tty,
    color: false,
    columns: 80,
    out: (text) => {
      written.out += text;
    },
    err: (text) => {
      written.err += text;
    },
    stop: new AbortController().signal,
  };
  return { target, written };
}

describe("plain lines", () => {
  test("are one per event; reused steps share a line; failures go to stderr", async () => {
    const { target, written } = screen();
    const reporter = linesReporter(target);
    const events: Event[] = [
      planned("data", "train", "report"),
      reused("data"),
      { type: "step-wait", step: "train", kind: "train", for: "2 cores" },
      { type: "step-start", step: "train", kind: "train", log: "a.log" },
      { type: "step-end", step: "train", status: "failed", seconds: 2, error },
      { type: "step-end", step: "report", status: "skipped", seconds: 0, because: "train" },
      { type: "step-end", step: "card", status: "skipped", seconds: 3, because: "interrupted" },
      ...["a", "b", "c", "d", "e", "f", "g"].map(reused),
      { type: "run-end", run: "x/ab12cd34", status: "failed", manifest: null },
    ];
    for (const event of events) reporter.event(event);
    await reporter.close();
    expect(written.out).toBe(`1 run, 3 steps: 1 cached, 2 to run
reused 1 step: data
train  waiting for 2 cores
train  started
train  failed after 2.0s
report  skipped: train failed
card  interrupted
reused 7 steps: a, b, c, d, e, 2 more
run x/ab12cd34  failed
`);
    expect(written.err).toBe("train failed: 3 rows are too long [rows-too-long]\n  help: raise train.max_length\n");
  });

  test("show progress every 10 s, or after 2 s and another tenth", () => {
    const { target, written } = screen();
    let now = 0;
    const reporter = linesReporter(target, () => now);
    reporter.event({ type: "step-start", step: "train", kind: "train", log: "a.log" });
    for (; now <= 60_000; now += 200) {
      reporter.event({ type: "progress", step: "train", done: now / 200, total: 3000, unit: "steps" });
    }
    const lines = written.out.trim().split("\n").slice(1);
    expect(lines.map((line) => line.split("  ")[1])).toEqual(["1%", "3%", "5%", "6%", "8%", "10%"]);
    reporter.event({ type: "progress", step: "train", done: 3000, total: 3000 });
    expect(written.out).not.toContain("100%");
  });
});

test("--json prints one event per line", async () => {
  const { target, written } = screen(true);
  const reporter = chooseReporter({ json: true, quiet: false }, target);
  const events: Event[] = [
    planned("data"),
    reused("data"),
    { type: "step-end", step: "x", status: "failed", seconds: 1, error },
  ];
  for (const event of events) reporter.event(event);
  await reporter.close();
  expect(
    written.out
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line)),
  ).toEqual(events);
  expect(written.err).toBe("");
});

test("--quiet prints failures only", async () => {
  const { target, written } = screen(true);
  const reporter = chooseReporter({ json: false, quiet: true }, target);
  reporter.event(planned("data"));
  reporter.event({ type: "step-end", step: "x", status: "failed", seconds: 1, error });
  await reporter.close();
  expect(written.out).toBe("");
  expect(written.err).toContain("x failed: 3 rows are too long");
});

test("a cached run at a terminal prints one line", async () => {
  const { target, written } = screen(true);
  const reporter = chooseReporter({ json: false, quiet: false }, target);
  for (const event of [planned("data", "fetch"), reused("data"), reused("fetch")]) reporter.event(event);
  await reporter.close();
  expect(written.out).toMatch(/^2 steps: 2 reused in 0\.\ds\n$/);
});

describe("the state of the live view", () => {
  test("a sweep has one row per run; the head has the best score and the remaining time and price", () => {
    const progress = new RunProgress(0);
    const step = (id: string, run: string) => ({
      id,
      kind: id.split(/[.@]/)[0] as string,
      status: "run" as const,
      reason: "",
      run,
    });
    const runs = ["train.rank=4", "train.rank=8", "train.rank=16"];
    const steps = runs.flatMap((run, at) => [
      step(`train@0000000${at}`, run),
      step(`evaluate.tuned@0000000${at}`, run),
    ]);
    progress.apply({ type: "plan", runs: 3, price_per_hour: 36, steps }, 0);
    expect(progress.rowOf("train@00000000")).toBe("train.rank=4");
    expect(progress.row("train.rank=4", 0, 60, glyphs.ascii)).toBe("rank=4   waiting");
    progress.apply({ type: "step-wait", step: "train@00000000", kind: "train", for: "2 cores" }, 0);
    expect(progress.row("train.rank=4", 1_000, 60, glyphs.ascii)).toBe("rank=4   train waiting for 2 cores");
    expect(progress.stateOf("train.rank=4")).toBe("waiting");
    progress.apply({ type: "step-start", step: "train@00000000", kind: "train", log: "a.log" }, 1_000);
    expect([progress.stateOf("train.rank=4"), progress.stateOf("train.rank=8")]).toEqual(["busy", "waiting"]);
    progress.apply({ type: "progress", step: "train@00000000", done: 5, total: 10 }, 2_000);
    expect(progress.row("train.rank=4", 2_000, 60, glyphs.ascii)).toMatch(/^rank=4 {3}train {2}#+-+ {2}50%/);
    expect(progress.head(9_000, 120, false)).not.toContain("left");
    progress.apply({ type: "step-end", step: "train@00000000", status: "built", seconds: 10 }, 10_000);
    const score = { type: "score" as const, metric: "micro_f1", lowerIsBetter: false };
    progress.apply({ ...score, run: "train.rank=4", value: 0.5 }, 10_000);
    progress.apply({ ...score, run: "train.rank=8", value: 0.4 }, 10_000);
    expect(progress.head(10_000, 120, false)).toBe("0 of 3 runs, 1 of 6 steps  10s  at least 20s left");
    expect(progress.outlook(10_000, 120)).toMatch(/^20s .*0\.20.*micro_f1 0\.500 \(rank=4\)$/);
    expect(progress.stateOf("train.rank=4")).toBe("waiting");
    progress.apply({ type: "step-end", step: "evaluate.tuned@00000000", status: "built", seconds: 1 }, 11_000);
    expect([progress.stateOf("train.rank=4"), progress.endedRun("train.rank=4", 60)]).toEqual([
      "done",
      "rank=4   micro_f1 0.500  11s",
    ]);
    progress.apply({ type: "step-end", step: "train@00000001", status: "failed", seconds: 2 }, 12_000);
    const because = "train@00000001";
    progress.apply(
      { type: "step-end", step: "evaluate.tuned@00000001", status: "skipped", seconds: 0, because },
      12_000,
    );
    expect(progress.stateOf("train.rank=8")).toBe("failed");
    expect(progress.endedRun("train.rank=8", 60)).toBe("rank=8   train failed  2.0s");
  });

  test("keys of a run's name are as short as possible", () => {
    expect(shortRun("train.rank=8,generate.file=data/a.b=c.jsonl")).toBe("rank=8,file=data/a.b=c.jsonl");
    expect(shortRun("train.seed=1,data.validation.seed=2,epoch=1")).toBe("train.seed=1,validation.seed=2,epoch=1");
  });

  test("counts steps, and runs if there are several", () => {
    const progress = new RunProgress(0);
    const plan = planned("data", "train", "report");
    progress.apply({ ...plan, runs: 3 } as Event, 0);
    progress.apply(reused("data"), 0);
    progress.apply({ type: "run-end", run: "x", status: "done", manifest: null }, 0);
    expect(progress.head(62_000, 80, false)).toBe("1 of 3 runs, 1 of 3 steps, 1 reused  1m02s");
    expect(progress.head(62_000, 40, true)).toMatch(/^Stopping.*…$/);
    progress.apply({ type: "step-end", step: "train", status: "failed", seconds: 1, error }, 0);
    expect(progress.foot(62_000, 80)).toBe("3 steps: 1 failed, 1 reused in 1m02s");
  });

  test("estimates the time left from the pace of this attempt", () => {
    const progress = new RunProgress(0);
    progress.apply({ type: "step-start", step: "train", kind: "train", log: "a.log" }, 0);
    expect(progress.row("train", 3_000, 60, glyphs.ascii)).toBe("train  3.0s");
    progress.apply({ type: "progress", step: "train", done: 100, total: 200, loss: 2 }, 10_000);
    progress.apply({ type: "progress", step: "train", done: 110, total: 200 }, 30_000);
    expect(progress.row("train", 30_000, 60, glyphs.ascii)).toBe(
      "train  #########-------  55%  110/200  loss 2.00  3m00s left",
    );
    progress.apply({ type: "progress", step: "train", done: 110, total: 200, seconds_left: 7 }, 30_000);
    expect(progress.row("train", 30_000, 60, glyphs.ascii)).toContain("7.0s left");
  });

  test("shows the result of a finished step", () => {
    const end = { type: "step-end", step: "generate.zero_shot", seconds: 130 } as const;
    expect(endedRow({ ...end, status: "built" }, 60)).toBe("generate.zero_shot  2m10s");
    expect(endedRow({ ...end, status: "failed" }, 60)).toBe("generate.zero_shot  failed after 2m10s");
    expect(endedRow({ ...end, status: "skipped", because: "interrupted" }, 21)).toBe("generat…  interrupted");
  });
});

describe("the live view, in a real terminal", () => {
  let root: string;
  beforeAll(async () => {
    root = mkdtempSync(join(tmpdir(), "exp-live-"));
    await build({
      stdin: { contents: program, resolveDir: fileURLToPath(new URL(".", import.meta.url)), loader: "ts" },
      bundle: true,
      splitting: true,
      platform: "node",
      format: "esm",
      outdir: root,
      entryNames: "program",
      outExtension: { ".js": ".mjs" },
      banner: { js: "import{createRequire as __cr}from'node:module';const require=__cr(import.meta.url);" },
    });
    writeFileSync(join(root, "terminal.py"), terminal);
  });
  afterAll(() => rmSync(root, { recursive: true }));

  /** What a terminal of this size received, and the exit code. */
  async function run(columns: number, env: Record<string, string> = {}): Promise<{ bytes: string; code: number }> {
    const { CI: _ci, NO_COLOR: _color, ...rest } = process.env;
    const args = [join(root, "terminal.py"), String(columns), process.execPath, join(root, "program.mjs")];
    const { stdout } = await promisify(execFile)("python3", args, {
      env: { ...rest, TERM: "xterm-256color", FORCE_COLOR: "1", ...env },
      maxBuffer: 1 << 26,
    });
    const [code = "", ...bytes] = stdout.split("\n");
    return { code: Number(code), bytes: bytes.join("\n") };
  }

  /** The text after the last time that the view was erased. */
  function finalText(bytes: string): string {
    const at = bytes.lastIndexOf("\u001b[2K");
    return stripVTControlCharacters(bytes.slice(at)).replaceAll("\r", "");
  }

  test.each([40, 80, 200])("fits %i columns and leaves a clean screen", async (columns) => {
    const { bytes, code } = await run(columns);
    expect(code).toBe(0);
    for (const line of stripVTControlCharacters(bytes).split(/\r?\n/))
      expect(textWidth(line)).toBeLessThanOrEqual(columns);
    expect(finalText(bytes)).toMatch(/✖ 33 steps: 1 failed, 30 built, 2 reu/);
    expect(finalText(bytes)).toMatch(/✖ train {2}failed after 1.0s/);
    expect(finalText(bytes)).toContain("train failed: out of memory [oom]");
    expect(finalText(bytes).split("\n").length).toBeLessThanOrEqual(24);
    expect(bytes.lastIndexOf("\u001b[?25h")).toBeGreaterThan(bytes.lastIndexOf("\u001b[?25l"));
    expect(bytes).toContain("\u001b[32m");
  });

  test("has no colours under NO_COLOR", async () => {
    const { bytes } = await run(80, { NO_COLOR: "1", FORCE_COLOR: "" });
    // biome-ignore lint/suspicious/noControlCharactersInRegex: colour codes are control characters.
    expect(bytes).not.toMatch(/\u001b\[\d*m/);
    expect(finalText(bytes)).toContain("30 built");
  });
});

/** A run of 33 steps, up to 8 at once, one of which fails. */
const program = `
import { setTimeout as sleep } from "node:timers/promises";
import { chooseReporter } from "./choose-reporter.ts";
const screen = {
  tty: process.stdout.isTTY === true, color: false, columns: process.stdout.columns, stop: new AbortController().signal,
  out: (text: string) => void process.stdout.write(text), err: (text: string) => void process.stderr.write(text),
};
if (!screen.tty) throw new Error("no terminal");
const reporter = chooseReporter({ json: false, quiet: false }, screen);
const ids = Array.from({ length: 30 }, (_, i) => "generate.zero_shot@" + i);
const all = ["data", "fetch", "train", ...ids].map((id) => ({ id, kind: id, status: "run" as const, reason: "" }));
reporter.event({ type: "plan", runs: 1, steps: all });
for (const step of ["data", "fetch"]) reporter.event({ type: "step-end", step, status: "reused", seconds: 0 });
async function step(id: string) {
  reporter.event({ type: "step-start", step: id, kind: "generate", log: "a.log" });
  for (let done = 1; done <= 4; done++) {
    await sleep(20);
    reporter.event({ type: "progress", step: id, done, total: 4, unit: "cases", loss: 0.5, message: "\\u001b[31mred\\n日本語" });
  }
  const failed = id === "train" ? { status: "failed" as const, error: { code: "oom", message: "out of memory" } } : { status: "built" as const };
  reporter.event({ type: "step-end", step: id, seconds: 1, ...failed });
}
const queue = ["train", ...ids];
await Promise.all(Array.from({ length: 8 }, async () => { for (let id = queue.shift(); id; id = queue.shift()) await step(id); }));
await reporter.close();
`;

/** Runs a command in a terminal of 24 lines and prints its exit code, then what it wrote. */
const terminal = `
import fcntl, os, pty, struct, sys, termios
columns, command = int(sys.argv[1]), sys.argv[2:]
pid, terminal = pty.fork()
if pid == 0:
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    os.execvp(command[0], command)
written = b""
while True:
    try:
        chunk = os.read(terminal, 65536)
    except OSError:
        break
    if not chunk:
        break
    written += chunk
code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
sys.stdout.buffer.write(str(code).encode() + b"\\n" + written)
`;
