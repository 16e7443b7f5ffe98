import { bandsText } from "../../evaluation/baselines/frequency-thresholds.ts";
import { adapterParameters } from "../../pipeline/estimate/memory.ts";
import { stepOfArm } from "../../pipeline/plan/step-ref.ts";
import { methodName } from "../../pipeline/steps/arm-names.ts";
import { subjectIn } from "../../pipeline/steps/arms.ts";
import { trainedLayers } from "../../pipeline/steps/expected.ts";
import { decideStage } from "../../pipeline/steps/scores.ts";
import { keptText } from "../../plugins/backends/keep.ts";
import { backends } from "../../plugins/backends/registry.ts";
import { engines } from "../../plugins/engines/registry.ts";
import { knownShape, parameters } from "../../plugins/model-shape.ts";
import { tasks } from "../../plugins/tasks/registry.ts";
import { isModelGeneration } from "../../runs/replayed-arms.ts";
import { gigabytes, integer, missing, percent, score } from "../../util/format.ts";
import { armNamingOf, metricName } from "../report/display-names.ts";
import { about, type Block, heading, paragraph, type Span } from "../report/document.ts";
import { noTrainingText } from "../report/replayed-arms.ts";
import type { RunFacts, Study } from "../report/study.ts";
import { type Training, trainingsOf, trainingTime } from "../report/trainings.ts";

/** Architecture, training method, hyper-parameters and loss. */
export function method({ runs }: Study): readonly Block[] {
  const trained = trainingsOf(runs);
  if (trained.length === 0) {
    return [heading(1, "Methodology"), paragraph(noTrainingText(runs)), ...architectures(runs), ...generation(runs)];
  }
  const here = trained.some(({ step }) => step !== undefined);
  const curves = trained.some(({ curve }) => curve !== undefined);
  return [
    heading(1, "Fine-tuning methodology"),
    ...architectures(runs),
    ...(here
      ? []
      : [
          paragraph(
            { strong: "No model was trained in this study: the predictions were replayed. " },
            "The following training is declared by the experiment.",
          ),
        ]),
    paragraph(
      ...explained(trained, here),
      ...about("training", `lists ${here ? "the configuration and the cost" : "the configuration"}.`),
      ...about("loss", "plots the loss."),
    ),
    ...training(trained, here),
    ...generation(runs),
    ...(curves
      ? [
          {
            type: "figure" as const,
            id: "loss",
            caption:
              "Loss by optimiser step. Lines: running mean over training batches. Points: validation split, if there is one.",
            alt: "Line chart of the training and validation loss",
          },
        ]
      : []),
  ];
}

/** The engines that generated predictions. Recorded predictions are described elsewhere. */
function generation(runs: readonly RunFacts[]): readonly Block[] {
  const used = new Set(runs.filter(({ steps }) => Object.values(steps).some(isModelGeneration)).map(engineOf));
  if (used.size === 0) return [];
  return [
    paragraph(
      ...[...used].flatMap((name): readonly Span[] => {
        const citation = engines.find(name)?.citation;
        const text = `Predictions were generated with ${name}`;
        return citation === undefined ? [`${text}. `] : [`${text} `, { cite: citation.key }, ". "];
      }),
    ),
    ...scoring(runs),
  ];
}

/** How labels are scored and decided, and what it costs. */
function scoring(runs: readonly RunFacts[]): readonly Block[] {
  return [...new Set(runs.flatMap(scoringText))].map((text) => paragraph(text));
}

function scoringText(run: RunFacts): readonly string[] {
  const arm = subjectIn(run.arms.map(({ name }) => name));
  const generation = run.steps[stepOfArm("generate", arm)]?.evidence ?? {};
  const { scored_tokens, new_tokens, score_seconds, generate_seconds } = generation;
  if (typeof scored_tokens !== "number" || typeof new_tokens !== "number") return [];
  const time =
    typeof score_seconds === "number" && typeof generate_seconds === "number" && generate_seconds > 0
      ? ` and ${percent(score_seconds / generate_seconds)} of its time`
      : "";
  const scores =
    `Label scores of ${armNamingOf(run)(arm)}: the score of a label is the model's probability that the response contains it. ` +
    "At each place of a label in the model's own response, a trie holds the tokens of all labels of the training rows, and the probability of a label is that of its path. " +
    `A response contains a label with the probability 1 − Π (1 − p) over the places. Scoring took ${integer(scored_tokens)} tokens in addition to the ${integer(new_tokens)} generated ones${time}.`;
  return [[scores, ...decisionText(run, arm)].join(" ")];
}

/** The rule that predicts labels from scores; none if the labels of the responses are the predictions. */
function decisionText(run: RunFacts, arm: string): readonly string[] {
  const decision = run.steps[stepOfArm(decideStage, arm)]?.evidence ?? {};
  const {
    weight,
    threshold,
    validation,
    validation_micro_f1: own,
    validation_answer_micro_f1: answers,
    folds,
    bands,
    shrinkage,
  } = decision;
  if (typeof weight !== "number" || typeof threshold !== "number" || typeof validation !== "number") return [];
  const rule = tasks.get(run.config.task).labels?.isSingle
    ? "The label with the highest sum is predicted"
    : `Labels with a sum above ${Number(threshold.toPrecision(3))} are predicted`;
  const sum = `${(1 - weight).toFixed(1)} times the probability plus ${weight.toFixed(1)} if the response has the label`;
  const rows = `${integer(validation)} validation rows${typeof folds === "number" ? ` (${folds} folds)` : ""}`;
  const measured =
    typeof own === "number" && typeof answers === "number"
      ? ` (${score(own)} there; labels of the responses: ${score(answers)})`
      : "";
  const banded = bandsText(bands);
  const byFrequency =
    banded === ""
      ? ""
      : ` The thresholds by the number of training rows with a label are ${banded}: cross-validation on these rows shows a gain. ` +
        `That of a band with n occurrences is n / (n + ${shrinkage}) of the way from the common threshold to its own best one.`;
  return [`${rule}: ${sum}. Weight and threshold maximise micro-F1 on ${rows}${measured}.${byFrequency}`];
}

const engineOf = ({ config }: RunFacts): string => config.generate.engine;

function architectures(runs: readonly RunFacts[]): readonly Block[] {
  const qwen3 = runs.some(({ config }) => /qwen3/i.test(config.model.base));
  const models = new Map(
    runs.flatMap(({ model }) => (model === undefined ? [] : [[`${model.base} ${model.revision}`, model]])),
  );
  return [
    paragraph(
      ...about("architecture", "describes the architecture of the base models."),
      ...(qwen3 ? ["The Qwen3 Technical Report documents their training ", { cite: "qwen3" }, "."] : []),
    ),
    ...(models.size === 0
      ? declaredArchitectures(runs)
      : [architectureTable([...models.values()], architectureSource, integer)]),
  ];
}

const architectureSource = "Values are read from the configuration of each model.";

/** The models that runs declare and did not load, where their shape is known without their files. */
function declaredArchitectures(runs: readonly RunFacts[]): readonly Block[] {
  const declared = runs.flatMap(({ config, compared }) => [config, ...Object.values(compared)]);
  const models = new Map(
    declared.flatMap(({ model: { base, revision = null } }): readonly [string, NonNullable<RunFacts["model"]>][] => {
      const shape = knownShape(base);
      if (shape === undefined) return [];
      return [[`${base} ${revision}`, { base, revision, parameters: parameters(shape), config: { ...shape } }]];
    }),
  );
  if (models.size === 0) return [];
  return [
    architectureTable(
      [...models.values()],
      "No model was loaded: the values are those of the published model of this name, and the number of parameters follows from them without normalisation weights.",
      rounded,
    ),
  ];
}

/** A number of parameters that is not exact: "4.02 billion". */
const rounded = (count: number): string =>
  count < 1e9 ? `${Math.round(count / 1e6)} million` : `${(count / 1e9).toFixed(2)} billion`;

/** The trained parameters that a declaration gives, and their share; missing for a model of unknown shape. */
function declaredTrainable({ model, train }: RunFacts["config"]): string {
  const shape = knownShape(model.base);
  if (shape === undefined || train === undefined) return missing;
  const total = parameters(shape);
  if (train.method === "full") return rounded(total);
  const trainable = adapterParameters(shape, { ...train, layers: trainedLayers(train.layers) });
  return `${integer(trainable)} (${percent(trainable / total, 2)})`;
}

function architectureTable(
  models: readonly NonNullable<RunFacts["model"]>[],
  source: string,
  countText: (parameters: number) => string,
): Block {
  const fact = (config: Readonly<Record<string, unknown>>, key: string): string => {
    const value = config[key];
    return typeof value === "number" ? integer(value) : value === undefined || value === null ? missing : String(value);
  };
  return {
    type: "table",
    id: "architecture",
    caption: `Base models: decoder-only transformers with grouped-query attention, gated feed-forward layers and root-mean-square normalisation. ${source}`,
    head: ["model", "commit", "parameters", "layers", "hidden size", "heads (KV)", "feed-forward", "vocabulary"],
    align: ["left", "left", "right", "right", "right", "right", "right", "right"],
    rows: models.map(({ base, revision, parameters, config }) => [
      base,
      revision === null ? missing : [{ code: revision.slice(0, 8) }],
      countText(parameters),
      fact(config, "num_hidden_layers"),
      fact(config, "hidden_size"),
      `${fact(config, "num_attention_heads")} (${fact(config, "num_key_value_heads")})`,
      fact(config, "intermediate_size"),
      fact(config, "vocab_size"),
    ]),
  };
}

function explained(runs: readonly Training[], here: boolean): readonly Span[] {
  const methods = new Set(runs.map(({ config }) => config.train?.method));
  const used = new Set(runs.flatMap(({ config }) => config.train?.backend ?? []));
  const spans: Span[] = [];
  if ([...methods].some((name) => name !== "full")) {
    spans.push(
      "Low-rank adaptation (LoRA) freezes the base weights and learns, for each adapted weight matrix, an additive update: the product of " +
        "two low-rank matrices, scaled by alpha / rank ",
      { cite: "lora" },
      ". ",
    );
  }
  if (methods.has("dora") || methods.has("qdora")) {
    spans.push(
      "DoRA decomposes each adapted weight matrix into magnitude and direction; it learns the magnitude and applies the low-rank update to the direction ",
      { cite: "dora" },
      ". ",
    );
  }
  if (methods.has("qlora") || methods.has("qdora")) {
    spans.push(
      "The base weights are stored in 4 bits and dequantised block-wise for each operation ",
      { cite: "qlora" },
      ". ",
    );
  }
  if (methods.has("full")) spans.push("Full fine-tuning updates all weights. ");
  spans.push(
    "The loss is the token-level cross-entropy of the target and its end-of-sequence token; prompt tokens are masked. ",
  );
  if (runs.some(({ config }) => config.train?.neftune_alpha)) {
    spans.push(
      "Uniform noise is added to the embeddings of training rows; its size falls with the length of the row ",
      { cite: "neftune" },
      ". ",
    );
  }
  const trainedWith = here ? "Training used" : "The declared trainer is";
  for (const name of used) {
    const citation = backends.find(name)?.citation;
    if (citation === undefined) spans.push(`${trainedWith} ${name}. `);
    else spans.push(`${trainedWith} ${name} `, { cite: citation.key }, ". ");
  }
  return spans;
}

function oversampling(setting: Training["config"]["data"]["oversample"]): string {
  if (setting === undefined) return "none";
  const { by, rare_below, max_repeat } = setting;
  const rare = by === undefined ? "labels" : `values of ${by}`;
  return `${rare} with fewer than ${rare_below} rows, up to ${max_repeat} times`;
}

function suspectedRows({ config, suspects }: Training): string {
  const setting = config.train?.suspects;
  if (setting === undefined) return "as other rows";
  const found = suspects === undefined ? "" : ` in ${count(suspects.evidence.suspected)} rows`;
  const errors = setting.errors === "any" ? "wrong and missing" : setting.errors;
  return `${setting.weight}, for ${errors} labels${found}, by ${setting.from}`;
}

/** Hyper-parameters and cost per training; beyond four trainings only what differs between them. */
function training(runs: readonly Training[], here: boolean): readonly Block[] {
  const declared: readonly Row[] = [
    ["base model", ({ config }) => config.model.base],
    ["method", ({ config: { train } }) => (train === undefined ? missing : methodName(train.method))],
    [
      "rank / alpha",
      ({ config }) => (config.train?.method === "full" ? missing : `${config.train?.rank} / ${config.train?.alpha}`),
    ],
    [
      "epochs / batch size (effective)",
      ({ config: { train } }) => `${train?.epochs} / ${(train?.batch_size ?? 0) * (train?.gradient_accumulation ?? 0)}`,
    ],
    ["learning rate, schedule", ({ config: { train } }) => `${train?.learning_rate}, ${train?.schedule}`],
    ...(runs.some(({ config }) => config.train?.sample_weights !== undefined)
      ? [["row weights", ({ config }) => config.train?.sample_weights ?? "all 1"] as Row]
      : []),
    ...(runs.some(({ config }) => config.train?.suspects !== undefined)
      ? [["weight of suspected rows", suspectedRows] as Row]
      : []),
    ...(runs.some(({ config }) => config.data.oversample !== undefined)
      ? [["oversampling", ({ config }) => oversampling(config.data.oversample)] as Row]
      : []),
    ...(runs.some(({ config }) => config.train?.neftune_alpha)
      ? [["embedding noise (alpha)", ({ config }) => String(config.train?.neftune_alpha || "none")] as Row]
      : []),
    ["precision", ({ step, config }) => String(step?.evidence.precision ?? config.train?.precision)],
    ["checkpoint", ({ config: { train } }) => keptText(train?.keep ?? "last", metricName)],
  ];
  const measured: readonly Row[] = [
    ["trainable parameters", ({ curve }) => trainable(curve)],
    ["trained tokens", ({ step }) => count(step?.evidence.trained_tokens)],
    ["training time", ({ step }) => trainingTime(step)],
    [
      "peak memory",
      ({ step }) => (typeof step?.evidence.peak_memory === "number" ? gigabytes(step.evidence.peak_memory) : missing),
    ],
    ["device", ({ step }) => String(step?.evidence.device ?? missing)],
  ];
  const computed: readonly Row[] = [["trainable parameters (computed)", ({ config }) => declaredTrainable(config)]];
  const isKnown = runs.some(({ config }) => declaredTrainable(config) !== missing);
  const rows = [...declared, ...(here ? measured : isKnown ? computed : [])];
  const caption = `${here ? "Training configuration and cost" : "Declared training configuration"}. The appendix lists all parameters.`;
  if (runs.length <= mostColumns) {
    return [
      {
        type: "table",
        id: "training",
        caption,
        head: ["", ...runs.map(({ name }) => name)],
        align: ["left", ...runs.map(() => "right" as const)],
        rows: rows.map(([name, of]) => [name, ...runs.map(of)]),
      },
    ];
  }
  const isShared = ([, of]: Row): boolean => new Set(runs.map(of)).size === 1;
  const shared = rows.filter(isShared).map(([name, of]) => `${name} ${of(runs[0] as Training)}`);
  const own = rows.filter((row) => !isShared(row));
  return [
    ...(shared.length === 0
      ? []
      : [paragraph(`Common to all ${integer(runs.length)} trainings: ${shared.join("; ")}.`)]),
    {
      type: "table",
      id: "training",
      caption,
      head: ["training", ...own.map(([name]) => name)],
      align: ["left", ...own.map(() => "right" as const)],
      rows: runs.map((training) => [training.name, ...own.map(([, of]) => of(training))]),
    },
  ];
}

type Row = readonly [name: string, of: (training: Training) => string];

const count = (value: unknown): string => (typeof value === "number" ? integer(value) : missing);

/** Trainings that fit side by side on a page. */
const mostColumns = 4;

function trainable(curve: Training["curve"]): string {
  if (curve === undefined) return missing;
  const { total, trainable } = curve.parameters;
  return `${integer(trainable)} (${percent(trainable / total, 2)})`;
}
