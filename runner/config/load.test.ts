import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { projectRoot } from "./files.ts";
import { loadText, memoryFiles, messages, wrong } from "./rig.ts";

const minimal = "name: x\nextends: base.yaml\n";

function experiment(text: string, more?: Parameters<typeof loadText>[1]) {
  const result = loadText(text, more);
  if (!result.ok) throw new Error(result.diagnostics.map(({ message }) => message).join("; "));
  return result.value.points[0]?.experiment as NonNullable<(typeof result.value.points)[0]>["experiment"];
}

describe("a valid experiment", () => {
  it("has every default and absolute paths", () => {
    const { train, ...rest } = experiment(`${minimal}train: {}\n`);
    expect(rest).toMatchObject({
      task: "label_set",
      data: { train: { file: "/study/experiments/data/train.csv", seed: 1 }, targets: { view: "raw", order: "as_is" } },
      prompt: { template: "/study/prompts/diagnosis.hbs" },
      generate: { engine: "transformers", max_new_tokens: 128, temperature: 0, batch_size: "auto" },
      evaluate: { split: "test", primary: { metric: "micro_f1", view: "canonical" } },
      resources: { executor: "local" },
    });
    expect(train).toMatchObject({ backend: "torchtune", method: "lora", rank: 16, alpha: 32, overrides: {} });
    expect(train).not.toHaveProperty("alpha_ratio");
  });
  it("without train has none: zero-shot", () => expect(experiment(minimal)).not.toHaveProperty("train"));
  it("is deeply frozen", () => {
    const frozen = (value: unknown): boolean =>
      typeof value !== "object" || value === null || (Object.isFrozen(value) && Object.values(value).every(frozen));
    const text = `${minimal}train: {overrides: {optimizer: {betas: [0.9, 0.95]}}, targets: [q_proj]}\nsweep: {grid: {train.rank: [1, 2]}}\n`;
    const result = loadText(text);
    expect(result.ok && frozen(result.value)).toBe(true);
  });
  it("is a run for each fold of its training rows, unless one is named", () => {
    const folds = (text: string) => {
      const result = loadText(`${minimal}${text}`);
      return result.ok && result.value.points.map(({ experiment: { data } }) => data.validation?.fold);
    };
    expect(folds("data: {validation: {folds: 3}}\n")).toEqual([1, 2, 3]);
    expect(folds("data: {validation: {folds: 3, fold: 2}}\n")).toEqual([2]);
    expect(folds("data: {validation: {folds: 2}}\nsweep: {grid: {evaluate.split: [test, validation]}}\n")).toEqual([
      ...[1, 2, 1, 2],
    ]);
    const varied = "data: {validation: {folds: 3}}\nsweep: {grid: {data.validation.fold: [3, 1]}}\n";
    expect(folds(varied)).toEqual([3, 1]);
    const result = loadText(`${minimal}data: {validation: {folds: 2}}\n`);
    expect(result.ok && result.value.sweep?.repeated).toEqual(["data.validation.fold"]);
  });
  it("lists the values that are defaults", () => {
    const result = loadText(`${minimal}train: {rank: 8}\ngenerate: {max_new_tokens: 64}\n`);
    const defaulted = result.ok ? result.value.points[0]?.defaulted : [];
    expect(defaulted).toEqual(expect.arrayContaining(["train.alpha", "train.backend", "generate.temperature", "task"]));
    expect(defaulted).not.toEqual(expect.arrayContaining(["train.rank"]));
    expect(defaulted).not.toEqual(expect.arrayContaining(["generate.max_new_tokens"]));
    expect(defaulted).not.toEqual(expect.arrayContaining(["data.train.file"]));
  });
  it("scales alpha with the rank by alpha_ratio", () => {
    expect(experiment(`${minimal}train: {rank: 8, alpha_ratio: 4}\n`).train?.alpha).toBe(32);
    expect(experiment(`${minimal}train: {rank: 8, alpha: 5}\n`).train?.alpha).toBe(5);
  });
  it("takes overrides dotted or nested", () => {
    const nested = experiment(`${minimal}train: {overrides: {optimizer: {fused: true}, device: cpu}}\n`);
    const dotted = experiment(`${minimal}train: {overrides: {device: cpu, optimizer.fused: true}}\n`);
    expect(nested).toEqual(dotted);
    expect(nested.train?.overrides).toEqual({ "optimizer.fused": true, device: "cpu" });
  });
  it("names every YAML file that was read", () => {
    const result = loadText(minimal);
    expect(result.ok && result.value.sourceFiles).toEqual([
      "/study/experiments/x.yaml",
      "/study/experiments/base.yaml",
    ]);
  });
});

describe("extends", () => {
  const files = {
    "/study/experiments/base/mid.yaml":
      "extends: ../base.yaml\ntrain: {rank: 4, epochs: 2, targets: [q_proj, v_proj]}\nreport: {notes: notes.md}\n",
    "/study/experiments/base/notes.md": "",
  };
  it("merges maps, replaces lists, and keeps paths relative to the file that names them", () => {
    const { train, report } = experiment("name: x\nextends: base/mid.yaml\ntrain: {epochs: 5, targets: [k_proj]}\n", {
      files,
    });
    expect(train).toMatchObject({ rank: 4, epochs: 5, targets: ["k_proj"] });
    expect(report.notes).toBe("/study/experiments/base/notes.md");
  });
  it("locates an error in the file that contains it", () => {
    const bad = { ...files, "/study/experiments/base/mid.yaml": "extends: ../base.yaml\ntrain: {rnk: 4}\n" };
    expect(wrong("name: x\nextends: base/mid.yaml\n", { files: bad })).toEqual([
      "experiments/base/mid.yaml:2:9 unknown-key",
    ]);
  });
  it("drops inherited keys of a replaced engine, and still reports unknown keys", () => {
    const base = (generate: string) => ({
      "/study/experiments/base/model.yaml": `extends: ../base.yaml\ngenerate: {engine: transformers, ${generate}}\n`,
      "/study/experiments/answers.jsonl": "",
    });
    const own = "name: x\nextends: base/model.yaml\ngenerate: {engine: replay, file: answers.jsonl}\n";
    expect(experiment(own, { files: base("max_new_tokens: 9, precision: 16bit") }).generate).toEqual({
      engine: "replay",
      file: "/study/experiments/answers.jsonl",
    });
    expect(messages(own, { files: base("max_new_token: 9") })[0]).toContain('unknown key "max_new_token" in generate');
    const set = ["generate.engine=replay", "generate.file=answers.jsonl"];
    const typed = "name: x\nextends: base/model.yaml\ngenerate: {precision: 16bit}\n";
    expect(experiment(typed, { files: base("max_new_tokens: 9"), set }).generate).toMatchObject({ engine: "replay" });
    expect(messages(typed, { files: base("max_new_token: 9"), set })[0]).toContain('unknown key "max_new_token"');
    const same = "name: x\nextends: base/model.yaml\ngenerate: {engine: vllm}\n";
    expect(experiment(same, { files: base("max_new_tokens: 9") }).generate).toMatchObject({ max_new_tokens: 9 });
  });
  it("reports the chain of a cycle", () => {
    const cycle = {
      "/study/experiments/a.yaml": "extends: b.yaml\n",
      "/study/experiments/b.yaml": "extends: a.yaml\n",
    };
    expect(messages("name: x\nextends: a.yaml\n", { files: cycle })[0]).toContain(
      "x.yaml -> a.yaml -> b.yaml -> a.yaml",
    );
    expect(messages("name: x\nextends: x.yaml\n")[0]).toContain("x.yaml -> x.yaml");
  });
  it("reports a missing file and a wrong type", () => {
    expect(wrong("name: x\nextends: none.yaml\n")).toEqual(["2:10 missing-file"]);
    expect(wrong("name: x\nextends: [base.yaml]\n")[0]).toContain("wrong-type");
  });
});

describe("--set", () => {
  it("reads its value as YAML", () => {
    const set = ["train.rank=32", "train.targets=[q_proj]", "data.labels={separator: ';'}", "train.learning_rate=1e-7"];
    const { train, data } = experiment(minimal, { set });
    expect(train).toMatchObject({ rank: 32, targets: ["q_proj"], learning_rate: 1e-7 });
    expect(data.labels?.separator).toBe(";");
  });
  it("locates errors in the setting", () => {
    expect(wrong(minimal, { set: ["train.rnak=3", "rank", "train.rank=x", "sweep.grid={}", "train..rank=1"] })).toEqual(
      [
        "--set:1:1 unknown-key",
        "--set:1:1 bad-setting",
        "--set:1:1 unknown-key",
        "--set:1:1 unknown-key",
        "--set:1:12 wrong-type",
      ],
    );
  });
  it("refuses a key that the sweep sets", () => {
    const text = `${minimal}sweep: {grid: {train.rank: [1, 2]}}\n`;
    expect(wrong(text, { set: ["train.rank=4"] })[0]).toContain("sweep-conflict");
  });
  const keys = {
    "train.rank": fc.integer({ min: 1, max: 64 }),
    "train.dropout": fc.double({ min: 0, max: 0.9, noNaN: true }),
    "generate.max_new_tokens": fc.integer({ min: 1, max: 999 }),
    "report.pdf": fc.boolean(),
    description: fc.constantFrom("one", "two words", "3x"),
  };
  it("equals an edit of the file", () => {
    fc.assert(
      fc.property(fc.record(keys, { requiredKeys: [] }), (values) => {
        const nested: Record<string, unknown> = {};
        for (const [key, value] of Object.entries(values)) {
          const [top, inner] = key.split(".") as [string, string | undefined];
          nested[top] = inner === undefined ? value : { ...(nested[top] as object), [inner]: value };
        }
        const edited = Object.entries(nested).map(([key, value]) => `${key}: ${JSON.stringify(value)}\n`);
        const set = Object.entries(values).map(([key, value]) => `${key}=${JSON.stringify(value)}`);
        expect(experiment(minimal, { set })).toEqual(experiment(minimal + edited.join("")));
      }),
      { numRuns: 60 },
    );
  });
});

describe("points of a sweep", () => {
  const swept = (values: string, more = "") => `${minimal}${more}sweep: {grid: {${values}}}\n`;
  it("share the checks of the sections that they share", () => {
    let asked = 0;
    const modelConfig = () => {
      asked++;
      return undefined;
    };
    const text = swept("evaluate.bootstrap.seed: [1, 2, 3, 4, 5, 6, 7, 8]");
    expect(loadText(text, { modelConfig }).ok).toBe(true);
    expect(asked).toBe(1);
  });
  it("are each checked by their own values, whatever the point before them has", () => {
    const hot = "generate: {temperature: 0.6, max_new_tokens: 1024}\n";
    expect(wrong(swept("prompt.thinking: [false, true], generate.temperature: [0.6, 0]", hot))).toEqual([
      expect.stringContaining("thinking-greedy"),
    ]);
    expect(wrong(swept("train.rank: [1, 2], data.test.file: [data/test.csv, data/none.csv]"))).toEqual([
      expect.stringContaining("missing-file"),
    ]);
    expect(wrong(swept("train.keep: [last, {best: loss}], train.rank: [1, 2]"))).toEqual([
      expect.stringContaining("needs-validation"),
    ]);
  });
});

describe("sweep", () => {
  const coordinates = (text: string) => {
    const result = loadText(minimal + text);
    return result.ok ? result.value.points.map((point) => point.coordinates) : wrong(minimal + text);
  };
  it("expands grid, zip, repeat and exclude in the order of the file", () => {
    expect(
      coordinates(
        "sweep:\n  grid: {train.rank: [8, 16], train.epochs: [1]}\n  zip: {train.method: [lora, dora], train.alpha: [1, 2]}\n  repeat: {train.seed: [1, 2]}\n  exclude: [{train.rank: 16, train.method: dora}]\n",
      ),
    ).toEqual([
      "train.rank=8,train.method=lora,train.alpha=1,train.seed=1",
      "train.rank=8,train.method=lora,train.alpha=1,train.seed=2",
      "train.rank=8,train.method=dora,train.alpha=2,train.seed=1",
      "train.rank=8,train.method=dora,train.alpha=2,train.seed=2",
      "train.rank=16,train.method=lora,train.alpha=1,train.seed=1",
      "train.rank=16,train.method=lora,train.alpha=1,train.seed=2",
    ]);
  });
  it("may supply required keys", () => {
    const text =
      "name: x\nextends: base.yaml\nmodel: {base: Qwen/Qwen3-4B}\nsweep: {zip: {model.revision: [1cfa9a7208912126459214e8b04321603b3df60c]}}\n";
    expect(loadText(text).ok).toBe(true);
  });
  it("adds keys of the command line to the grid, and replaces lists of the file", () => {
    const text = `${minimal}sweep: {grid: {train.rank: [1, 2]}, exclude: [{train.rank: 8, train.method: dora}]}\n`;
    const result = loadText(text, { sweep: ["train.rank=4,8", "train.method=lora, dora"] });
    expect(result.ok && result.value.points.map(({ coordinates }) => coordinates)).toEqual([
      "train.rank=4,train.method=lora",
      "train.rank=4,train.method=dora",
      "train.rank=8,train.method=lora",
    ]);
    expect(wrong(minimal, { sweep: ["train.rank=8,x", "train.rnak=1", "train.rank"] })).toEqual([
      "--sweep:1:1 bad-setting",
      "--sweep:1:1 unknown-key",
    ]);
    expect(messages(minimal, { sweep: ["train.rank=8,x"] })[0]).toMatch(/^--sweep:1:14 wrong-type: train.rank/);
  });

  it("draws settings by a seed, with all repeats; more trials include the earlier settings", () => {
    const draw = (more: string): readonly string[] => {
      const result = loadText(
        `${minimal}sweep: {strategy: random, ${more}, grid: {train.rank: [1, 2, 3, 4, 5, 6], train.method: [lora, dora]}, repeat: {train.seed: [1, 2]}}\n`,
      );
      return result.ok ? result.value.points.map(({ setting }) => setting) : [];
    };
    const few = draw("trials: 3");
    expect([few.length, new Set(few).size]).toEqual([6, 3]);
    expect(draw("trials: 3")).toEqual(few);
    expect(draw("trials: 3, seed: 2")).not.toEqual(few);
    expect(draw("trials: 5")).toEqual(expect.arrayContaining([...few]));
    expect(draw("trials: 99")).toHaveLength(24);
  });

  it("has the same rungs for any number of settings, and a single rung for one setting", () => {
    const rungs = (
      ranks: number,
      epochs: number,
      more = "",
    ): readonly (readonly [number, number])[] | readonly string[] => {
      const list = Array.from({ length: ranks }, (_, at) => at + 1);
      const text = `${minimal}data: {validation: {fraction: 0.1}}\ntrain: {epochs: ${epochs}}\nsweep: {strategy: halving, ${more}grid: {train.rank: [${list}]}, repeat: {train.seed: [1, 2]}, select: {}}\n`;
      const result = loadText(text);
      if (!result.ok) return wrong(text);
      const { points, rungs: further = [] } = result.value;
      const [first] = points;
      expect(first?.coordinates).toMatch(ranks > 1 ? /^train.rank=1,train.seed=1,epoch=/ : /^train.seed=1$/);
      expect(further.every((rung) => rung.length === points.length)).toBe(true);
      return [points, ...further].map(([point]) => [point?.rung?.settings ?? 0, point?.rung?.epochs ?? 0] as const);
    };
    expect(rungs(6, 5)).toEqual([
      [6, 1],
      [3, 2],
      [1, 5],
    ]);
    expect(rungs(4, 5)).toEqual([
      [4, 1],
      [2, 2],
      [1, 5],
    ]);
    expect(rungs(3, 5)).toEqual([
      [3, 1],
      [1, 5],
    ]);
    expect(rungs(9, 9, "eta: 3, ")).toEqual([
      [9, 1],
      [3, 3],
      [1, 9],
    ]);
    expect(rungs(9, 9, "eta: 3, min_epochs: 2, ")).toEqual([
      [9, 3],
      [3, 9],
    ]);
    expect(rungs(9, 9, "trials: 4, ")).toEqual([
      [4, 1],
      [2, 2],
      [1, 9],
    ]);
    expect(rungs(1, 5)).toEqual([[1, 5]]);
    expect(rungs(4, 1)).toEqual(["5:9 sweep-strategy"]);
  });

  it("selects by the primary metric of the file unless select names another", () => {
    const selectOf = (more: string, set: readonly string[] = []) => {
      const loaded = loadText(`${minimal}data: {validation: {fraction: 0.1}}\n${more}`, { set });
      return loaded.ok && loaded.value.sweep?.select;
    };
    const primary = "evaluate: {primary: {metric: macro_f1, view: basic}}\n";
    const sweep = (select: string): string => `sweep: {grid: {train.rank: [1, 2]}, select: ${select}}\n`;
    expect(selectOf(primary + sweep("{}"))).toEqual({ metric: "macro_f1", view: "basic" });
    expect(selectOf(primary + sweep("{metric: samples_f1}"))).toEqual({ metric: "samples_f1", view: "basic" });
    expect(selectOf(sweep("{}"), ["evaluate.primary.metric=macro_f1"])).toEqual({
      metric: "macro_f1",
      view: "canonical",
    });
    expect(selectOf(sweep("{}"))).toEqual({ metric: "micro_f1", view: "canonical" });
  });
  it("returns the repeated keys and the selection", () => {
    const text = `${minimal}data: {validation: {fraction: 0.1}}\nsweep: {repeat: {train.seed: [1, 2]}, select: {view: basic}}\n`;
    const result = loadText(text);
    expect(result.ok && result.value.sweep).toEqual({
      repeated: ["train.seed"],
      select: { metric: "micro_f1", view: "basic" },
    });
  });
  const cases: Record<string, [string, string[]]> = {
    "an unknown key": ["sweep: {grid: {train.rnk: [1]}}", ["3:16 unknown-key"]],
    "a value of the wrong kind": ["sweep: {grid: {train.rank: [1, two]}}", ["3:32 wrong-type"]],
    "a value out of range": ["sweep: {repeat: {train.seed: [-1]}}", ["3:31 out-of-range"]],
    "an empty list": ["sweep: {grid: {train.rank: []}}", ["3:28 out-of-range"]],
    "no list": ["sweep: {grid: {train.rank: 8}}", ["3:28 wrong-type"]],
    nothing: ["sweep: {}", ["3:1 empty-sweep"]],
    "a list that repeats a value": ["sweep: {repeat: {train.seed: [1, 2, 1]}}", ["3:37 out-of-range"]],
    "equal numbers in two spellings": ["sweep: {grid: {train.seed: [1, 1.0]}}", ["3:32 out-of-range"]],
    "equal paths in two spellings": [
      "sweep: {grid: {prompt.template: [a/t.hbs, ./a/../a/t.hbs]}}",
      ["3:43 out-of-range"],
    ],
    "equal maps in another order": [
      "sweep: {grid: {prompt.examples: [{count: 1, seed: 2}, {seed: 2, count: 1}]}}",
      ["3:55 out-of-range"],
    ],
    "equal pairs of zip": ["sweep: {zip: {train.rank: [8, 8], train.seed: [1, 1.0]}}", ["3:31 out-of-range"]],
    "a seed without a sample": ["sweep: {repeat: {data.train.seed: [1, 2]}}", ["3:18 repeat-without-effect"]],
    "a seed of greedy answers": ["sweep: {repeat: {generate.seed: [1, 2]}}", ["3:18 repeat-without-effect"]],
    "a seed of no examples": ["sweep: {repeat: {prompt.examples.seed: [1, 2]}}", ["3:18 repeat-without-effect"]],
    "lists of zip that differ in length": ["sweep: {zip: {train.rank: [1, 2], train.seed: [1]}}", ["3:9 zip-lengths"]],
    "everything excluded": ["sweep: {grid: {train.rank: [1]}, exclude: [{train.rank: 1}]}", ["3:34 empty-sweep"]],
    "an exclusion of a key that does not vary": [
      "sweep: {grid: {train.rank: [1]}, exclude: [{train.rnk: 1}]}",
      ["3:45 unknown-key"],
    ],
    "a key twice": ["sweep: {grid: {train.rank: [1]}, zip: {train.rank: [2]}}", ["3:40 sweep-conflict"]],
    "too many points": [
      `sweep: {grid: {train.rank: [${Array.from({ length: 400 }, (_, i) => i + 1)}], train.seed: [${Array.from({ length: 400 }, (_, i) => i)}]}}`,
      ["3:1 too-many-points"],
    ],
    "an unknown part": ["sweep: {gird: {train.rank: [1]}}", ["3:9 unknown-key"]],
    "a draw without a number": ["sweep: {strategy: random, grid: {train.rank: [1]}}", ["3:9 sweep-strategy"]],
    "samples of a grid": ["sweep: {trials: 2, grid: {train.rank: [1]}}", ["3:9 sweep-strategy"]],
    "proposals without a number": [
      "sweep: {strategy: tpe, grid: {train.rank: [1]}, select: {}}",
      ["3:9 sweep-strategy", "3:49 needs-validation"],
    ],
    "proposals without a score": ["sweep: {strategy: tpe, trials: 2, grid: {train.rank: [1]}}", ["3:9 sweep-strategy"]],
    "keys of tpe without tpe": ["sweep: {parallel: 2, grid: {train.rank: [1]}}", ["3:9 sweep-strategy"]],
    "halving without a score": ["sweep: {strategy: halving, grid: {train.rank: [1]}}", ["3:9 sweep-strategy"]],
    "halving of what varies itself": [
      "sweep: {strategy: halving, grid: {train.epochs: [1, 2]}, select: {}}",
      ["3:9 sweep-strategy", "3:58 needs-validation"],
    ],
    "halving's keys without halving": ["sweep: {eta: 3, grid: {train.rank: [1]}}", ["3:9 sweep-strategy"]],
    "a selection without validation": ["sweep: {grid: {train.rank: [1]}, select: {}}", ["3:34 needs-validation"]],
  };
  for (const [name, [text, expected]] of Object.entries(cases)) {
    it(`refuses ${name}`, () => expect(wrong(`${minimal}${text}\n`)).toEqual(expected));
  }
  it("shares equal sections between its points", () => {
    const result = loadText(`${minimal}sweep: {grid: {train.rank: [1, 2]}}\n`);
    if (!result.ok) throw new Error("not loaded");
    const [one, two] = result.value.points;
    expect(one?.experiment.data).toBe(two?.experiment.data);
    expect(one?.experiment.train?.alpha).toBe(2);
    expect(two?.experiment.train?.alpha).toBe(4);
  });
});

describe("paths", () => {
  it("the root is the nearest folder with package.json or experiments/, or else the file's folder", () => {
    const files = memoryFiles({ "/a/package.json": "", "/a/b/experiments/x.yaml": "", "/c/d/x.yaml": "" });
    expect(projectRoot("/a/x.yaml", files)).toBe("/a");
    expect(projectRoot("/a/b/experiments/x.yaml", files)).toBe("/a/b");
    expect(projectRoot("/c/d/x.yaml", files)).toBe("/c/d");
  });
  it("a model that starts with ./ is a folder", () => {
    const files = { "/study/models/tiny/config.json": "{}" };
    expect(experiment("name: x\nextends: base.yaml\nmodel: {base: ../models/tiny}\n", { files }).model.base).toBe(
      "/study/models/tiny",
    );
  });
});

describe("properties", () => {
  const sections = Object.entries({
    name: "x",
    data: {
      train: { file: "data/train.csv" },
      test: { file: "data/test.csv" },
      columns: { input: "input_finding", target: "output_disease", id: "case_id" },
    },
    model: { base: "smollm2-135m" },
    prompt: { template: "prompts/diagnosis.hbs", thinking: false },
    train: { rank: 4, overrides: { device: "cpu", "optimizer.fused": true }, epochs: 1 },
    generate: { engine: "transformers", max_new_tokens: 5 },
  });
  it("the order of keys has no effect", () => {
    const shuffled = (value: unknown, order: readonly number[]): unknown => {
      if (typeof value !== "object" || value === null) return value;
      const entries = Object.entries(value).map(([key, inner], index) => ({
        key,
        inner,
        rank: order[index % order.length] ?? 0,
      }));
      return Object.fromEntries(
        entries.sort((a, b) => a.rank - b.rank).map(({ key, inner }) => [key, shuffled(inner, order)]),
      );
    };
    const first = JSON.stringify(experiment(JSON.stringify(Object.fromEntries(sections))));
    fc.assert(
      fc.property(fc.array(fc.nat(), { minLength: 8, maxLength: 8 }), (order) => {
        const text = JSON.stringify(shuffled(Object.fromEntries(sections), order));
        expect(JSON.stringify(experiment(text))).toBe(first);
      }),
      { numRuns: 60 },
    );
  });
  it("no value at any key causes an exception", () => {
    const paths = [
      "name",
      "data",
      "data.train",
      "data.columns",
      "data.validation",
      "data.labels",
      "model",
      "model.base",
      "prompt",
      "prompt.examples",
      "train",
      "train.backend",
      "train.targets",
      "train.keep",
      "train.overrides",
      "generate",
      "generate.engine",
      "evaluate",
      "compare",
      "baselines",
      "sweep",
      "sweep.grid",
      "sweep.exclude",
      "extends",
    ];
    const anything = fc.jsonValue({ maxDepth: 3 });
    fc.assert(
      fc.property(fc.constantFrom(...paths), anything, (path, value) => {
        const [top, inner] = path.split(".") as [string, string | undefined];
        const all: Record<string, unknown> = Object.fromEntries(sections);
        all[top] = inner === undefined ? value : { ...(all[top] as object), [inner]: value };
        const result = loadText(JSON.stringify(all));
        if (!result.ok) expect(result.diagnostics.length).toBeGreaterThan(0);
      }),
      { numRuns: 400 },
    );
  });
  it("any setting is accepted or refused", () => {
    const setting = fc.oneof(
      fc.string({ unit: "grapheme" }),
      fc
        .tuple(
          fc.constantFrom("train.rank", "train", "__proto__.x", "generate", "data.train.file", "constructor"),
          fc.string(),
        )
        .map((pair) => pair.join("=")),
    );
    fc.assert(
      fc.property(fc.array(setting, { maxLength: 3 }), (set) => {
        const result = loadText(minimal, { set });
        if (!result.ok) expect(result.diagnostics.length).toBeGreaterThan(0);
      }),
      { numRuns: 300 },
    );
  });
  it("any bytes are loaded or refused", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        expect(loadText(bytes).ok).toBe(false);
      }),
      { numRuns: 200 },
    );
  });
  it("the generated study is valid", () => expect(wrong(minimal)).toEqual([]));
});
