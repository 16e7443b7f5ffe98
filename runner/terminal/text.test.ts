import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { amount, duration, plural } from "../util/format.ts";
import { glyphs, progressRow, progressText } from "./progress-line.ts";
import { scoreTable } from "./score-table.ts";
import { failureText } from "./step-failure.ts";
import { table } from "./table.ts";
import { cut, oneLine, printable, textWidth } from "./text-width.ts";

const metrics = ["micro_f1"];

test.each([
  ["abc", 3],
  ["né", 2],
  ["ne\u0301", 2],
  ["日本語", 6],
  ["한국어", 6],
  ["ｆｕｌｌ", 8],
  ["👩‍👩‍👧 ok", 5],
  ["❤️", 2],
  ["…━─✔", 4],
  ["\u200b", 0],
])("%s takes %i cells", (text, cells) => {
  expect(textWidth(text)).toBe(cells);
});

test("a truncated text fits and ends with an ellipsis", () => {
  expect(cut("abcdef", 4)).toBe("abc…");
  expect(cut("日本語", 4)).toBe("日…");
  expect(cut("abc", 3)).toBe("abc");
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), fc.nat(20), (text, cells) => {
      expect(textWidth(cut(text, cells))).toBeLessThanOrEqual(cells);
    }),
  );
});

test("control sequences are removed", () => {
  expect(oneLine("\u001b[31m a\r\n\tb\u0007\u001b[2J")).toBe("a b");
  expect(printable("  File \u001b[1mx\u001b[0m\r")).toBe("  File x");
});

test.each([
  [0.04, "0.0s"],
  [9.94, "9.9s"],
  [9.96, "10s"],
  [59.6, "1m00s"],
  [130, "2m10s"],
  [3599.7, "1h00m"],
  [3900, "1h05m"],
  [90_000, "25h00m"],
])("%d seconds read as %s", (seconds, text) => {
  expect(duration(seconds)).toBe(text);
});

test("amounts", () => {
  expect(amount(118, 264, "steps")).toBe("118/264 steps");
  expect(amount(3, undefined, undefined)).toBe("3");
  expect(amount(1_200_000_000, 3_100_000_000, "bytes")).toBe("1.2/3.1 GB");
  expect(amount(500_000, undefined, "bytes")).toBe("500 kB");
  expect([plural(1, "step"), plural(0, "step")]).toEqual(["1 step", "0 steps"]);
});

describe("progress", () => {
  const training = {
    done: 118,
    total: 264,
    unit: "steps",
    loss: 0.8312,
    validation_loss: 0.9,
    tokens_per_second: 312.4,
    seconds_left: 130,
    message: "sample:\nRenal cyst, 日本語",
  };

  test("in a log has all parts", () => {
    const text =
      "44%  118/264 steps  loss 0.831  validation loss 0.900  312 tok/s  2m10s left  sample: Renal cyst, 日本語";
    expect(progressText(training)).toBe(text);
    expect(progressText({ message: "loading" })).toBe("loading");
  });

  test("in a row omits parts in a fixed order", () => {
    const { message: _, ...known } = training;
    expect(progressRow("train", known, 76, glyphs.unicode)).toBe(
      "train  ━━━━━━────────  44%  118/264 steps  loss 0.831  312 tok/s  2m10s left",
    );
    expect(progressRow("train", known, 60, glyphs.ascii)).toBe(
      "train  ######-------  44%  loss 0.831  312 tok/s  2m10s left",
    );
    expect(progressRow("train", known, 36, glyphs.ascii)).toBe("train  #####-------  44%  2m10s left");
  });

  test("fits every width", () => {
    const maybe = <T>(of: fc.Arbitrary<T>) => fc.option(of, { nil: undefined });
    const values = fc.record({
      done: maybe(fc.nat(1e9)),
      total: maybe(fc.nat(1e9)),
      unit: maybe(fc.constantFrom("steps", "bytes", "cases")),
      loss: maybe(fc.double({ noNaN: true })),
      tokens_per_second: maybe(fc.double({ min: 0, max: 1e6, noNaN: true })),
      seconds_left: maybe(fc.double({ min: 0, max: 1e7, noNaN: true })),
      message: maybe(fc.string({ unit: "grapheme" })),
    });
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), values, fc.integer({ min: 20, max: 200 }), (name, all, cells) => {
        const known = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
        expect(textWidth(progressRow(name, known, cells, glyphs.unicode))).toBeLessThanOrEqual(cells);
      }),
    );
  });
});

describe("tables", () => {
  const rows = [
    ["run", "micro_f1"],
    ["日本", "0.7"],
    ["quickstart", "0.712"],
  ];

  test("align by cells, without trailing spaces", () => {
    const text = "run         micro_f1\n日本             0.7\nquickstart     0.712\n";
    expect(table(rows, { align: ["left", "right"] })).toBe(text);
    expect(table([["a", "b"], ["ccc"]])).toBe("a    b\nccc\n");
    expect(table([])).toBe("");
  });

  test("that are too wide break texts at spaces, else lose their last columns, which are named, or become blocks", () => {
    const steps = [
      ["step", "status", "why"],
      ["data", "will run", "the file data/train.csv has changed since the step was built"],
    ];
    const broken =
      "step  status    why\ndata  will run  the file data/train.csv has\n                changed since the step was\n                built\n";
    expect(table(steps, { columns: 44 })).toBe(broken);
    const scores = [
      ["arm", "micro_f1", "p (Holm)", "p (McNemar)"],
      ["zero-shot", "0.712 [0.650, 0.770]", "0.012", "0.250"],
    ];
    expect(table(scores, { columns: 40 })).toBe(
      "arm        micro_f1\nzero-shot  0.712 [0.650, 0.770]\nColumns that do not fit: p (Holm), p\n(McNemar)\n",
    );
    expect(table(scores, { columns: 40, narrow: "blocks" })).toBe(
      "zero-shot\n  micro_f1     0.712 [0.650, 0.770]\n  p (Holm)     0.012\n  p (McNemar)  0.250\n",
    );
    const heads = [
      ["error", "nearest neighbour", "most frequent"],
      ["omission", "3", "11"],
    ];
    expect(table(heads, { columns: 30, align: ["left", "right", "right"] })).toBe(
      "error       nearest       most\n          neighbour   frequent\nomission          3         11\n",
    );
  });

  test("have no cut word at any width", () => {
    const word = fc.stringMatching(/^[a-z\u65e5]{1,12}$/);
    const cell = fc.array(word, { minLength: 1, maxLength: 5 }).map((words) => words.join(" "));
    const rows = fc
      .integer({ min: 1, max: 6 })
      .chain((width) =>
        fc.array(fc.array(cell, { minLength: width, maxLength: width }), { minLength: 2, maxLength: 5 }),
      );
    fc.assert(
      fc.property(
        rows,
        fc.integer({ min: 30, max: 100 }),
        fc.constantFrom("drop", "blocks"),
        (all, columns, narrow) => {
          const text = table(all, { columns, narrow: narrow as "drop" | "blocks" });
          const given = new Set(all.flat().flatMap((one) => one.split(" ")));
          for (const line of text.split("\n")) expect(textWidth(line)).toBeLessThanOrEqual(columns);
          const words = text.replaceAll(/Columns that do not fit:|,/g, " ").split(/\s+/);
          for (const one of words) expect(one === "" || given.has(one)).toBe(true);
          const lost = (all[0] as string[])
            .slice(1)
            .filter((name) => name.split(" ").some((part) => !words.includes(part)));
          expect(lost).toEqual([]);
        },
      ),
    );
  });

  test("have a bold head if there are colours", () => {
    expect(table([["a"], ["b"]], { color: true })).toBe("\u001b[1ma\u001b[22m\nb\n");
  });
});

test("a failure has message, help, log lines and log path", () => {
  const error = {
    code: "rows-too-long",
    message: "3 rows are too long",
    help: "raise train.max_length",
    log: "logs/train.log",
    tail: ["Traceback:", '  File "x.py"\u001b[0m'],
  };
  expect(failureText("train", error, false)).toBe(`train failed: 3 rows are too long [rows-too-long]
  help: raise train.max_length
  | Traceback:
  |   File "x.py"
  log: logs/train.log
`);
  expect(failureText("train", { code: "killed", message: "it was killed" }, false)).toBe(
    "train failed: it was killed [killed]\n",
  );
});

describe("the summary of a run", () => {
  const arm = (value: number) => ({
    raw: { micro_f1: value },
    basic: { micro_f1: value },
    canonical: { micro_f1: value },
  });
  const names: Readonly<Record<string, string>> = { tuned: "Qwen3-8B, LoRA", zero_shot: "Qwen3-8B, zero-shot" };
  const armName = (name: string): string => names[name] ?? name;
  const what = {
    arms: { tuned: arm(0.7), other: arm(0.5), zero_shot: arm(0.21) },
    files: { workbook: "runs/x/workbook.xlsx" },
    armName,
  };

  test("has one column per arm", () => {
    expect(
      scoreTable({ metrics, ...what }, { color: false }),
    ).toBe(`metric    view       Qwen3-8B, zero-shot  other  Qwen3-8B, LoRA
micro_f1  raw                      0.210  0.500           0.700
          basic                    0.210  0.500           0.700
          canonical                0.210  0.500           0.700

workbook  runs/x/workbook.xlsx
`);
  });

  test("stacks the views on a narrow terminal", () => {
    expect(
      scoreTable({ metrics, ...what }, { color: false, columns: 44 }),
    ).toBe(`             Qwen3-8B,         Qwen3-8B,
metric       zero-shot  other       LoRA
micro_f1
  raw            0.210  0.500      0.700
  basic          0.210  0.500      0.700
  canonical      0.210  0.500      0.700

workbook  runs/x/workbook.xlsx
`);
  });

  test("has intervals if they fit", () => {
    const ends = { micro_f1: { low: 0.6, high: 0.8 } };
    const intervals = { tuned: { raw: ends, basic: ends, canonical: ends } };
    const arms = { tuned: arm(0.7) };
    expect(
      scoreTable({ metrics, arms, armName, intervals, files: {} }, { color: false }),
    ).toBe(`metric    view             Qwen3-8B, LoRA
micro_f1  raw        0.700 [0.600, 0.800]
          basic      0.700 [0.600, 0.800]
          canonical  0.700 [0.600, 0.800]
`);
    expect(scoreTable({ metrics, arms, armName, intervals, files: {} }, { color: false, columns: 35 })).toContain(
      "  raw        0.700 [0.600, 0.800]",
    );
    expect(scoreTable({ metrics, arms, armName, intervals, files: {} }, { color: false, columns: 25 })).toContain(
      "  raw            0.700\n",
    );
  });

  test("lists the files only if there are no arms", () => {
    expect(scoreTable({ metrics, arms: {}, armName, files: { data: "x" } }, { color: false })).toBe("data  x\n");
  });
});
