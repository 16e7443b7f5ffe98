import { describe, expect, it } from "vitest";
import { loadText, messages, wrong } from "./rig.ts";

const commit = "1cfa9a7208912126459214e8b04321603b3df60c";
const head = "name: x\nextends: base.yaml\n";
const validation = "data: {validation: {fraction: 0.1}}\n";
const tiny = {
  hidden_size: 64,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  intermediate_size: 128,
  vocab_size: 1000,
};

/** The messages of every refused text, for the last test. */
const wording: string[] = [];

/**
 * Each case: the text after the head, and a part of "LINE:COL code: message (help)" for each diagnostic: a code or a
 * fact.
 */
function refuses(cases: Readonly<Record<string, readonly [string, ...string[]]>>): void {
  for (const [name, [text, ...expected]] of Object.entries(cases)) {
    it(name, () => {
      const found = messages(`${head}${text}\n`);
      wording.push(`${name}\n${found.map((line) => `  ${line}\n`).join("")}`);
      expect(found).toEqual(expected.map((part) => expect.stringContaining(part)));
    });
  }
}

describe("data", () => {
  refuses({
    "a file that is not there": ["data: {test: {file: data/none.csv}}", "3:21 missing-file"],
    "a folder": ["data: {test: {file: data}}", "data is a folder, not a data file (name a file in it"],
    "a path from the home folder": ["data: {test: {file: ~/test.csv}}", "exp does not replace ~"],
    "a file of another kind": ["data: {test: {file: data/x.arrow}}", "bad-format"],
    "the id of a data set": ["data: {test: {file: owner/name}}", "bad-format"],
    "the address of a file": ["data: {test: {file: 'https://example.org/a.csv'}}", "missing-file"],
    "the address of a data set": ["data: {test: {file: 'hf://datasets/owner/name/a.csv'}}", "missing-file"],
    "the page of a data set": ["data: {test: {file: 'https://huggingface.co/datasets/owner/name'}}", "missing-file"],
    "a file in place of its key": ["data: {test: data/test.csv}", "wrong-type"],
    "the id of a data set in place of its key": ["data: {test: owner/name}", "wrong-type"],
    "a column that is not there": [
      "data: {columns: {input: input_findings}}",
      'train.csv has no column "input_findings"; it has case_id, input_finding, output_disease (did you mean "input_finding"?)',
      "test.csv",
    ],
    "one column for both": ["data: {columns: {target: input_finding}}", "same-column"],
    "target columns and a target": ["data: {columns: {targets: {a: case_id}}}", "exactly-one"],
    "test rows that are training rows": ["data: {test: {file: data/train.csv}}", "same-file"],
    "test rows of which one file has training rows": [
      "data: {test: {file: data/*.csv}}",
      "both have experiments/data/train.csv",
    ],
    "a glob that matches nothing": ["data: {test: {file: data/none-*.csv}}", "missing-file: no file matches"],
    "a list with a file that does not exist": [
      "data: {test: {file: [data/test.csv, data/x.csv]}}",
      "missing-file: there is no file experiments/data/x.csv",
    ],
    "a list without a file": ["data: {test: {file: []}}", "out-of-range"],
    "a test file and a fraction": ["data: {test: {fraction: 0.2}}", "exactly-one"],
    "a group that is the id": ["data: {columns: {group: case_id}}", "same-column"],
    "a subgroup column that does not exist": ["evaluate: {subgroups: [site]}", "missing-column"],
    "a group column that does not exist": ["data: {columns: {group: patient}}", "missing-column", "missing-column"],
    "validation rows that are test rows": ["data: {validation: {file: data/test.csv}}", "same-file"],
    "two ways to validation rows": ["data: {validation: {fraction: 0.1, folds: 5}}", "3:8 exactly-one"],
    "no way to validation rows": ["data: {validation: {seed: 5}}", "exactly-one"],
    "a fraction beyond half": ["data: {validation: {fraction: 0.9}}", "out-of-range"],
    "no fraction": ["data: {validation: {fraction: 0}}", "out-of-range"],
    "a fold of none": ["data: {validation: {fraction: 0.1, fold: 2}}", "needs-file"],
    "a fold too far": ["data: {validation: {folds: 3, fold: 4}}", "out-of-range"],
    "a sheet of a csv": ["data: {test: {file: data/test.csv, sheet: a}}", "needs-file"],
    "an audit code that does not exist": ["data: {accept: [leak, leek]}", "3:23 not-one-of"],
    "a path with a NUL": ['data: {test: {file: "data/\\0.csv"}}', "missing-file"],
  });
  it("rejects several target columns for a task whose target is one column", () => {
    const part = "{file: data/train.csv}, test: {file: data/test.csv}";
    const columns = "{input: input_finding, targets: {disease: output_disease}}";
    expect(
      wrong(
        `name: x\ndata: {train: ${part}, columns: ${columns}}\nmodel: {base: smollm2-135m}\nprompt: {template: prompts/diagnosis.hbs}\n`,
      ),
    ).toEqual([expect.stringContaining("task-unsupported")]);
  });
  const header = (name: string, content: string | Uint8Array, columns = "{input: a, target: b}") =>
    wrong(
      `name: x\ndata: {train: {file: ${name}}, test: {file: data/test.csv}, columns: ${columns}}\nmodel: {base: smollm2-135m}\nprompt: {template: prompts/diagnosis.hbs}\n`,
      {
        files: { [`/study/experiments/${name}`]: content, "/study/experiments/data/test.csv": "a,b,é x\n" },
      },
    );
  it("finds columns behind marks, quotes and other separators", () => {
    expect(header("t.csv", '\ufeff"a";"b"\n1;2\n')).toEqual([]);
    expect(header("t.csv", "a|b\n1|2\n")).toEqual([]);
    expect(header("t.tsv", "a\tb\n1\t2\n")).toEqual([]);
    expect(header("t.csv", '"a","b","two\nlines, one cell"\n')).toEqual([]);
    expect(header("t.csv", new Uint8Array(Buffer.from("\ufeffa,b\n", "utf16le")))).toEqual([]);
    expect(header("t.csv", new Uint8Array(Buffer.from("a,b,\xe9 x\n", "latin1")), "{input: a, target: é x}")).toEqual(
      [],
    );
    expect(header("t.jsonl", '{"a": 1}\n{"a": 2, "b": 3}\n')).toEqual([]);
    expect(header("t.xlsx", "PK")).toEqual([]);
  });
  it("reports an empty file", () => expect(header("t.csv", "")).toEqual([expect.stringContaining("empty-data")]));
  it("reports a repeated column", () =>
    expect(header("t.csv", "a,b,a\n")).toEqual([expect.stringContaining("duplicate-column")]));
  it("takes test rows from the training file, in place of a file", () => {
    const study = (test: string) =>
      `name: x\ndata: {train: {file: data/train.csv}, test: ${test}, columns: {input: input_finding, target: output_disease}}\nmodel: {base: smollm2-135m}\nprompt: {template: prompts/diagnosis.hbs}\n`;
    expect(wrong(study("{fraction: 0.2, seed: 1}"))).toEqual([]);
    expect(wrong(study("{seed: 1}"))).toEqual(["2:39 exactly-one"]);
    expect(wrong(study("{fraction: 0.2, sheet: a}"))).toEqual([expect.stringContaining("needs-file")]);
  });
  it("reads synonyms and reports their errors", () => {
    const files = { "/study/experiments/labels.yaml": "synonyms: {a: [b], c: [b]}\n" };
    expect(wrong(`${head}data: {labels: {synonyms: labels.yaml}}\n`, { files })).toEqual([
      expect.stringContaining("experiments/labels.yaml:1:24 synonym-twice"),
    ]);
  });
});

describe("model", () => {
  refuses({
    "a hub model without a commit": ["model: {base: Qwen/Qwen3-4B}", "unpinned-revision"],
    "a branch": ["model: {base: Qwen/Qwen3-4B, revision: main}", "3:40 unpinned-revision"],
    "part of a commit": ["model: {base: Qwen/Qwen3-4B, revision: 1cfa9a7}", "only part of a commit"],
    "a commit of digits that YAML takes for a number": [
      `model: {base: Qwen/Qwen3-4B, revision: ${"1".repeat(40)}}`,
      "bad-number",
    ],
    "a commit that YAML takes for a power": ["model: {base: Qwen/Qwen3-4B, revision: 1e10}", "wrong-type"],
    "another size": [`model: {base: Qwen/Qwen3-4B, revision: ${commit}, size: 8B}`, "(write size: 4.0B)"],
    "a bundled name with a slip": ["model: {base: smollm2-135}", '(did you mean "smollm2-135m"?)'],
    "something else": ["model: {base: 'https://x/y/z'}", "unknown-model"],
    "a folder that is not there": ["model: {base: ./none}", "missing-model"],
    "a revision of a bundled model, as a warning": ["model: {revision: abc}", "unused-key"],
  });
  it("recognises the size of each Qwen3 model", () => {
    for (const size of ["0.6B", "1.7B", "4B", "8B"]) {
      expect(wrong(`${head}model: {base: Qwen/Qwen3-${size}, revision: ${commit}, size: ${size}}\n`)).toEqual([]);
    }
  });
  it("reads the config of a model folder", () => {
    const folder = (size: string, config: string) =>
      wrong(`${head}model: {base: ./m, size: ${size}}\n`, { files: { "/study/experiments/m/config.json": config } });
    expect(folder("0.2M", JSON.stringify({ ...tiny, tie_word_embeddings: true }))).toEqual([
      expect.stringContaining("size-mismatch"),
    ]);
    expect(folder("0.147M", JSON.stringify({ ...tiny, tie_word_embeddings: true }))).toEqual([]);
    expect(folder("8B", "not json")).toEqual([]);
    expect(messages(`${head}model: {base: ./m}\n`, { files: { "/study/experiments/m/x": "" } })).toEqual([
      expect.stringContaining("no config.json"),
    ]);
  });
});

describe("prompt", () => {
  refuses({
    "a template that is not there": ["prompt: {template: prompts/none.hbs}", "3:20 missing-template"],
    "greedy thinking, in few tokens": ["prompt: {thinking: true}", "thinking-greedy", "thinking-short"],
    "examples that the template does not show": ["prompt: {examples: {count: 4}}", "3:28 unused-examples"],
    "candidates that the template does not show": ["prompt: {candidates: {top: 4}}", "3:10 unused-candidates"],
  });
  it("accepts thinking with sampling and enough new tokens", () =>
    expect(wrong(`${head}prompt: {thinking: true}\ngenerate: {temperature: 0.6, max_new_tokens: 2048}\n`)).toEqual([]));
  it("examples are shown by a template that names them outside of its comments", () => {
    const text = `${head}prompt: {examples: {count: 4}}\n`;
    const shown = (template: string) => wrong(text, { files: { "/study/prompts/diagnosis.hbs": template } });
    expect(shown("{{#user}}{{#each examples}}{{this.input}}{{/each}}{{input}}{{/user}}")).toEqual([]);
    expect(shown("{{!-- {{examples}} --}}{{! examples }}{{#user}}examples: {{input}}{{/user}}")).toHaveLength(1);
  });
  it("the zero-shot template is optional, and exists if it is named", () => {
    const named = "prompt: {zero_shot: prompts/none.hbs}\n";
    expect(wrong(`${head}train: {}\n`)).toEqual([]);
    expect(wrong(`${head}train: {}\n${named}`)).toEqual([expect.stringContaining("missing-template")]);
  });
});

describe("train", () => {
  refuses({
    "a method that the backend trains on one GPU alone": [
      "train: {method: qlora}\nresources: {gpus: 2}",
      "3:17 backend-unsupported",
    ],
    "GPUs that cannot share a step": [
      "train: {gradient_accumulation: 4}\nresources: {gpus: 3}",
      "3:32 accumulation-not-divisible",
    ],
    "nodes that cannot share a step": [
      "train: {gradient_accumulation: 4}\nresources: {gpus: 2, slurm: {nodes: 3}}",
      "(set gradient_accumulation to a multiple of 6",
    ],
    "a method that the backend trains on one node alone": [
      "train: {method: qdora}\nresources: {slurm: {nodes: 2}}",
      "backend-unsupported",
    ],
    "several nodes without GPUs, for a backend that needs some": [
      "train: {backend: axolotl, gradient_accumulation: 4}\nresources: {gpus: 0, slurm: {nodes: 2}}",
      "backend-unsupported",
    ],
    "a precision that it lacks": ["train: {precision: fp16}", "backend-unsupported"],
    "weights of rows, for a backend that has none": [
      "train: {backend: axolotl, sample_weights: case_id}",
      "(use train.backend: torchtune)",
    ],
    "an override of the noise of embeddings": [
      "train: {backend: axolotl, overrides: {neftune_noise_alpha: 5}}",
      "use train.neftune_alpha",
    ],
    "a column of weights that the training rows lack": ["train: {sample_weights: weigth}", "missing-column"],
    "copies by labels, for answers without": ["task: text\ndata: {oversample: {rare_below: 5}}", "missing-key"],
    "copies by a column that the training rows lack": [
      "data: {oversample: {by: ward, rare_below: 5}}",
      "missing-column",
    ],
    "alpha twice": ["train: {alpha: 1, alpha_ratio: 2}", "3:19 exactly-one"],
    "the best by a metric without validation": ["train: {keep: {best: micro_f1}}", "needs-validation"],
    "the best without validation": ["train: {keep: {best: loss}}", "needs-validation"],
    "the mean of more epochs than there are": ["train: {epochs: 2, keep: {average: 3}}", "out-of-range"],
    "early stopping without validation": ["train: {early_stopping: {patience: 1}}", "needs-validation"],
    "samples without validation": ["train: {samples: {rows: 2}}", "needs-validation"],
    "an unknown reporter": ["train: {report_to: [comet]}", "not-one-of"],
    "an unknown override": ["train: {overrides: {optimizer.fusd: true}}", "3:21 unknown-key"],
    "an override in levels": ["train: {overrides: {optimizer: {fusd: true}}}", "3:33 unknown-key"],
    "an override of what the experiment decides": ["train: {overrides: {optimizer.lr: 1}}", "decided-override"],
    "an override that axolotl would drop": [
      "train: {backend: axolotl, overrides: {adam_beta_2: 0.9}}",
      "3:39 unknown-key",
    ],
    "an override of what the experiment decides, with axolotl": [
      "train: {backend: axolotl, overrides: {chat_template_kwargs: {x: 1}}}",
      "decided-override",
    ],
    "no value": ["train:", "3:1 empty-value"],
  });
  it("accepts keep.best and samples if there are validation rows", () => {
    expect(wrong(`${head}${validation}train: {keep: {best: loss}, early_stopping: {}}\n`)).toEqual([]);
    expect(wrong(`${head}${validation}train: {keep: {best: macro_f1}, samples: {rows: 2}}\n`)).toEqual([]);
  });
  it.each(["lora", "dora", "qlora", "qdora", "full"])("torchtune trains %s", (method) =>
    expect(wrong(`${head}train: {method: ${method}, report_to: [wandb]}\n`)).toEqual([]),
  );
});

describe("upload", () => {
  const names = ["me/a--b", "me/a..b", "me/a-", "me/a.", "me/-a", "-me/a", "me/a.git", `me/${"a".repeat(97)}`, "a"];
  it.each(names)("the hub refuses %s", (name) =>
    expect(wrong(`${head}train: {}\nupload: {repo: ${name}, base_license: mit}\n`)).toEqual([
      expect.stringMatching(/bad-format/),
    ]),
  );
  it.each(["me/_a_", "me/a.git.b", `me/${"a".repeat(96)}`])("the hub accepts %s", (name) =>
    expect(wrong(`${head}train: {}\nupload: {repo: ${name}, base_license: mit}\n`)).toEqual([]),
  );
});

describe("generate and evaluate", () => {
  refuses({
    "a server without an address": ["generate: {engine: openai}", "3:1 missing-key"],
    "no address of a server": ["generate: {engine: openai, base_url: localhost}", "3:38 bad-format"],
    "a password in an address": ["generate: {engine: openai, base_url: 'http://me:pw@x/v1'}", "secret-in-address"],
    "top_k of a server": ["generate: {engine: openai, base_url: 'http://x', top_k: 5, temperature: 1}", "unknown-key"],
    "a key in extra that has its place": [
      "generate: {engine: openai, base_url: 'http://x', extra: {seed: 5}}",
      "3:58 decided-override",
    ],
    "a training whose model no server has": [
      "train: {method: lora}\ngenerate: {engine: openai, base_url: 'http://x'}",
      "engine-unsupported",
    ],
    "a vote of equal answers": ["generate: {vote: {samples: 5}}", "3:12 greedy-sampling"],
    "a constraint with thinking": [
      "prompt: {thinking: true}\ngenerate: {constrain: labels, temperature: 1, max_new_tokens: 2048}",
      "constrained-thinking",
    ],
    "a threshold without scores": [
      "data: {validation: {fraction: 0.1}}\ngenerate: {decision: threshold}",
      "threshold-without-scores",
    ],
    "a threshold that nothing can choose": ["generate: {scores: labels, decision: threshold}", "needs-validation"],
    "scores by an engine that gives none": ["generate: {engine: vllm, scores: labels}", "engine-unsupported"],
    "scores of a server": [
      'generate: {engine: openai, base_url: "http://127.0.0.1:1/v1", scores: labels}',
      "engine-unsupported",
    ],
    "scores of labels in another form": ["generate: {scores: labels, constrain: json}", "3:39 scored-form"],
    "scores after reasoning": [
      "prompt: {thinking: true}\ngenerate: {scores: labels, temperature: 1, max_new_tokens: 2048}",
      "4:20 scored-form",
    ],
    "top_p when greedy": ["generate: {top_p: 0.9}", "greedy-sampling"],
    "replay without a file": ["generate: {engine: replay}", "3:1 missing-key"],
    "replay of no file": ["generate: {engine: replay, file: x.jsonl}", "missing-file"],
    "a key of another engine": ["generate: {engine: replay, file: x.jsonl, max_new_tokens: 5}", "unknown-key"],
    "an ensemble that nothing can weigh": ["baselines: [tfidf_svm, ensemble]", "3:24 needs-validation"],
    "an ensemble scored on what weighed it": [
      "data: {validation: {fraction: 0.1}}\nevaluate: {split: validation}\nbaselines: [ensemble]",
      "5:13 scored-on-choice",
    ],
    "validation that is not there": ["evaluate: {split: validation}", "3:19 needs-validation"],
    "a metric that does not exist": [
      "evaluate: {metrics: [micro_f2]}",
      'evaluate.metrics[0] cannot be the text "micro_f2"',
    ],
    "a primary metric without a best direction": [
      "task: text\nevaluate: {primary: {metric: length_ratio}}",
      "length_ratio has no best direction",
    ],
    "a primary metric that does not exist": ["evaluate: {primary: {metric: micro_f2}}", "has no metric micro_f2"],
    "a metric file of another kind": ["evaluate: {metrics: [micro_f1, {name: a, file: data/test.csv}]}", "bad-format"],
    "a metric file that does not exist": [
      "evaluate: {metrics: [micro_f1, {name: a, file: a.py}]}",
      "3:48 missing-file",
    ],
    "a metric with the name of one of the task": [
      "evaluate: {metrics: [{name: micro_f1, file: a.py}]}",
      "duplicate-metric",
      "missing-file",
    ],
    "a range without values": [
      "evaluate: {metrics: [micro_f1, {name: a, file: prompts/ask.hbs, range: [1, 0]}]}",
      "bad-format",
      "out-of-range",
    ],
    "a judge of labels": [
      "evaluate: {judge: {rubric: prompts/ask.hbs, scale: [5, 1], generate: {engine: openai, base_url: 'http://u:p@h'}}}",
      "task-unsupported",
      "missing-file",
      "3:52 out-of-range",
      "secret-in-address",
    ],
    "an unknown key of a judge": [
      "evaluate: {judge: {rubric: prompts/ask.hbs, scale: [1, 5], generate: {base_url: 'http://h', modle: x}}}",
      "3:93 unknown-key",
    ],
    "a metric without a file": ["evaluate: {metrics: [{name: a}]}", "missing-key"],
    "a name of a metric with capitals": ["evaluate: {metrics: [{name: A, file: a.py}]}", "bad-format"],
    "a selection by a metric without a best direction": [
      "task: text\ndata: {validation: {fraction: 0.1}}\nsweep: {select: {metric: length_ratio}, grid: {prompt.thinking: [true, false]}}",
      "length_ratio has no best direction",
    ],
    "a primary metric that is not shown": ["evaluate: {metrics: [exact_match]}", "primary-not-shown"],
  });
  it("no test file", () => {
    const text =
      "name: x\ndata: {train: {file: data/train.csv}, columns: {input: input_finding, target: output_disease}}\nmodel: {base: smollm2-135m}\nprompt: {template: prompts/diagnosis.hbs}\n";
    expect(wrong(text)).toEqual([expect.stringContaining("2:1 missing-key")]);
  });
});

describe("the rest", () => {
  refuses({
    "notes that are not there": ["report: {notes: n.md}", "missing-file"],
    "an experiment to compare that is not there": ["compare: [y]", "missing-file"],
    "an experiment that compares itself": ["compare: [x]", "3:11 not-comparable"],
    "an upload of nothing, as a warning": ["upload: {repo: me/x}", "unused-key"],
    "a format that no model is written in": ["train: {}\nupload: {repo: me/x, formats: ['gguf:q2']}", "not-one-of"],
    "a format twice": [
      "train: {}\ndata: {validation: {fraction: 0.1}}\nupload: {repo: me/x, formats: [gguf, 'gguf:q4_k_m']}",
      "5:38 duplicate-format",
    ],
    "a format that nothing scores, as a warning": ["train: {}\nupload: {repo: me/x, formats: [gguf]}", "not-scored"],
    "a final report without notes, as a warning": ["report: {final: true}", "no-notes"],
    "private data that may be published": ["data: {origin: {kind: private, publish: true}}", "private-data"],
    "a language that is no code": ["train: {}\nupload: {repo: me/x, language: [English]}", "bad-format"],
    "a size without a unit": ["resources: {memory: '32'}", "bad-format"],
    "a repository without an owner": ["upload: {repo: x}", "bad-format"],
  });
  it("a format without a converter for the model's family", () => {
    const text = `${head}train: {}\ndata: {validation: {fraction: 0.1}}\nupload: {repo: me/x, formats: [gguf]}\n`;
    const found = wrong(text, { modelConfig: () => ({ model_type: "gpt_oss" }) });
    expect(found).toContain("5:32 export-unsupported");
  });
  it("warnings alone do not refuse", () => expect(loadText(`${head}upload: {repo: me/x}\n`).ok).toBe(true));
});

describe("the schema", () => {
  it("reports all errors together, in the order of the file", () => {
    const text = `name: bad name
extends: base.yaml
tsk: label_set
train:
  backend: torchtun
  rnak: 16
  rank: "8"
generate: {batch_size: -1, temperatur: 0, constrain: jsn, temperature:}
evaluate: {metrics: [], primary: }
report: {pdf: no, html: 1}
data: {columns: 3, accept: [a, a], labels: [x]}
`;
    expect(wrong(text)).toEqual([
      "1:7 bad-format",
      "3:1 unknown-key",
      "5:12 not-one-of",
      "6:3 unknown-key",
      "7:9 wrong-type",
      "8:24 out-of-range",
      "8:28 unknown-key",
      "8:54 not-one-of",
      "8:59 empty-value",
      "9:21 out-of-range",
      "9:25 empty-value",
      "10:15 wrong-type",
      "10:25 wrong-type",
      "11:17 wrong-type",
      "11:28 out-of-range",
      "11:44 wrong-type",
    ]);
  });
  refuses({
    "a value of none of the kinds": ["train: {targets: 5}", "3:18 wrong-type"],
    "a word that is not the one": ["train: {targets: all}", "3:18 not-one-of"],
    "an item that is none of the choices": ["train: {targets: [q_prj]}", 'train.targets[0] cannot be the text "q_prj"'],
    "a tag without value": ["train: {backend: }", "3:9 empty-value"],
    "a tag of another kind": ["generate: {engine: 3}", "3:20 not-one-of"],
    "a list for a map": ["train: [1]", "3:8 wrong-type"],
    "a map for a text": ["name: {a: 1}\n", "duplicate-key", "duplicate-key"],
  });
  it("what is missing", () => {
    expect(messages("name: x\n")).toEqual(
      ["data", "model", "prompt"].map((key) => expect.stringContaining(`1:1 missing-key: ${key} `)),
    );
    expect(wrong("name: x\nextends: base.yaml\ntrain: {keep: {}}\n")).toEqual([
      expect.stringContaining("3:9 missing-key"),
    ]);
  });
  it("a name that could leave its folder", () => {
    for (const name of ["../x", "a/b", ".hidden", "", "a\\b", "x".repeat(101), "é"]) {
      expect(wrong(`name: ${JSON.stringify(name)}\nextends: base.yaml\n`)).toHaveLength(1);
    }
  });
});

describe("experiments to compare", () => {
  const other = (more: string): string => `name: y\nextends: base.yaml\n${more}`;
  const against = (more: string): readonly string[] =>
    messages(`${head}compare: [y]\n`, {
      files: {
        "/study/experiments/y.yaml": other(more),
        "/study/experiments/data/more.csv": "case_id,input_finding,output_disease\n2,Clear lungs.,none\n",
      },
    });
  it("are valid if they are scored on the same cases, also after training on other rows", () => {
    const text = `${head}compare: [y]\n`;
    const files = { "/study/experiments/y.yaml": other("train: {backend: torchtune, method: lora}\ncompare: [x]\n") };
    const loaded = loadText(text, { files, set: ["prompt.thinking=false"] });
    expect(loaded.ok && loaded.value.points[0]?.compared.map(({ name }) => name)).toEqual(["y"]);
  });
  it.each([
    ["data: {test: {file: data/more.csv}}", "differs in data.test "],
    ["data: {test: {file: data/test.csv, limit: 3}}", "differs in data.test "],
    ["data: {columns: {target: input_finding, input: output_disease}}", "differs in data.columns.target "],
    ["data: {validation: {fraction: 0.1}}\nevaluate: {split: validation}", "differs in evaluate.split"],
    ["task: single_label\ndata: {labels: {separator: ;}}", "differs in task, data.labels.separator "],
    ["sweep: {grid: {generate.max_new_tokens: [8, 16]}}", "3:11 not-comparable"],
    ["data: {tset: 1}", 'unknown key "tset"'],
  ])("%s", (more, message) => expect(against(more)).toEqual([expect.stringContaining(message)]));
  it("of the same name", () =>
    expect(
      wrong(`${head}compare: [y]\n`, { files: { "/study/experiments/y.yaml": "name: x\nextends: base.yaml\n" } }),
    ).toEqual([expect.stringContaining("not-comparable")]));
});

// The one place that fixes the wording of these messages. `npx vitest run runner/config/check.test.ts -u` writes it.
it("the wording of the messages", async () => {
  // A NUL would make the file binary.
  await expect(wording.join("\n").replaceAll("\0", "\ufffd")).toMatchFileSnapshot("diagnostics.snap.txt");
});
