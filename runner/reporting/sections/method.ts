import { gigabytes, metricWord, trainingTime, whole } from "../report/display-names.ts";
import { type Block, heading, paragraph, type Span } from "../report/document.ts";
import type { Curve, RunFacts, Study } from "../report/study.ts";
import { type Training, trainingsOf } from "../report/trainings.ts";

/** Architecture, what is trained and how, and how the loss went. */
export function method({ runs }: Study): readonly Block[] {
  const trained = trainingsOf(runs);
  if (trained.length === 0) {
    return [
      heading(1, "Methodology"),
      paragraph("Nothing was trained: the model answers from its prompt alone."),
      ...architectures(runs),
    ];
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
            { strong: "Nothing was trained in this study: its answers were replayed. " },
            "This is the training that the experiment declares.",
          ),
        ]),
    paragraph(...explained(trained, here)),
    ...training(trained, here),
    ...(curves
      ? [
          {
            type: "figure" as const,
            id: "loss",
            caption:
              "Loss by optimiser step: on training batches as lines (running mean), on the validation part as points where there is one.",
            alt: "Line chart of the training loss",
          },
        ]
      : []),
  ];
}

function architectures(runs: readonly RunFacts[]): readonly Block[] {
  const qwen3 = runs.some(({ config }) => /qwen3/i.test(config.model.base));
  const models = new Map(
    runs.flatMap(({ model }) => (model === undefined ? [] : [[`${model.base} ${model.revision}`, model]])),
  );
  return [
    ...(qwen3 ? [paragraph("Base models of the Qwen3 family are described in ", { cite: "qwen3" }, ".")] : []),
    ...(models.size === 0 ? [] : [architectureTable([...models.values()])]),
  ];
}

function architectureTable(models: readonly NonNullable<RunFacts["model"]>[]): Block {
  const fact = (config: Readonly<Record<string, unknown>>, key: string): string => {
    const value = config[key];
    return typeof value === "number" ? whole(value) : value === undefined || value === null ? "–" : String(value);
  };
  return {
    type: "table",
    id: "architecture",
    caption:
      "Base models, read from their own configuration: a decoder of identical blocks (attention with grouped key and value heads, gated feed-forward layer, root-mean-square norms).",
    head: ["model", "commit", "parameters", "blocks", "width", "heads (kv)", "feed-forward", "vocabulary"],
    align: ["left", "left", "right", "right", "right", "right", "right", "right"],
    rows: models.map(({ base, revision, parameters, config }) => [
      base,
      revision === null ? "–" : [{ code: revision.slice(0, 8) }],
      whole(parameters),
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
  const backends = new Set(runs.map(({ config }) => config.train?.backend));
  const spans: Span[] = [];
  if ([...methods].some((name) => name !== "full")) {
    spans.push(
      "Low-rank adaptation leaves the weights as they are and learns, for each adapted matrix, the product of two thin matrices, scaled by alpha / rank ",
      { cite: "lora" },
      ". ",
    );
  }
  if (methods.has("dora") || methods.has("qdora")) {
    spans.push("DoRA learns besides the length of each column, apart from its direction ", { cite: "dora" }, ". ");
  }
  if (methods.has("qlora") || methods.has("qdora")) {
    spans.push("The base is held in 4 bits and de-quantised block by block ", { cite: "qlora" }, ". ");
  }
  if (methods.has("full")) spans.push("Full fine-tuning changes every weight. ");
  spans.push("The loss is the cross-entropy of the answer's tokens and its end token; the prompt is masked. ");
  const ran = here ? "Training ran with" : "The trainer is";
  if (backends.has("torchtune")) spans.push(`${ran} torchtune `, { cite: "torchtune" }, ". ");
  if (backends.has("axolotl")) spans.push(`${ran} axolotl `, { cite: "axolotl" }, ". ");
  return spans;
}

/** What differs from run to run in one table; the appendix has every parameter. */
function training(runs: readonly Training[], here: boolean): readonly Block[] {
  const declared: readonly Row[] = [
    ["base model", ({ config }) => config.model.base],
    ["method", ({ config }) => config.train?.method ?? "–"],
    [
      "rank / alpha",
      ({ config }) => (config.train?.method === "full" ? "–" : `${config.train?.rank} / ${config.train?.alpha}`),
    ],
    [
      "epochs / rows a step",
      ({ config: { train } }) => `${train?.epochs} / ${(train?.batch_size ?? 0) * (train?.gradient_accumulation ?? 0)}`,
    ],
    ["learning rate, schedule", ({ config: { train } }) => `${train?.learning_rate}, ${train?.schedule}`],
    ["precision", ({ step, config }) => String(step?.evidence.precision ?? config.train?.precision)],
    [
      "kept checkpoint",
      ({ config: { train } }) =>
        train?.keep === "last" ? "last" : `best ${metricWord((train?.keep as { best: string })?.best)}`,
    ],
  ];
  const measured: readonly Row[] = [
    ["trainable parameters", ({ curve }) => trainable(curve)],
    ["tokens trained on", ({ step }) => count(step?.evidence.trained_tokens)],
    ["training time", ({ step }) => trainingTime(step)],
    [
      "peak memory",
      ({ step }) => (typeof step?.evidence.peak_memory === "number" ? gigabytes(step.evidence.peak_memory) : "–"),
    ],
    ["device", ({ step }) => String(step?.evidence.device ?? "–")],
  ];
  const rows = [...declared, ...(here ? measured : [])];
  const caption = `${here ? "How the models were trained" : "How the models are to be trained"}. The appendix has every parameter.`;
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
    ...(shared.length === 0 ? [] : [paragraph(`All ${whole(runs.length)} trainings share: ${shared.join("; ")}.`)]),
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

const count = (value: unknown): string => (typeof value === "number" ? whole(value) : "–");

/** Trainings side by side that a page's width holds. */
const mostColumns = 4;

function trainable(curve: Curve | undefined): string {
  if (curve === undefined) return "–";
  const { total, trainable } = curve.parameters;
  return `${whole(trainable)} (${((trainable / total) * 100).toFixed(2)} %)`;
}
