/** The small studies of the behaviour tests: path -> text. */

const organs = ["liver", "kidney", "spleen", "pancreas"];
const findings = ["cyst", "stone", "mass"];

/** A report and its labels, different for each number. */
function oneCase(number: number): { readonly text: string; readonly labels: string } {
  const organ = organs[number % organs.length];
  const finding = findings[number % findings.length];
  const size = 3 + (number % 17);
  return {
    text: `Report ${number}. The ${organ} shows a ${size} mm ${finding}, other organs are normal.`,
    labels: number % 5 === 0 ? `${organ} ${finding}, follow-up` : `${organ} ${finding}`,
  };
}

/** A data file with the columns id, text, labels and comment. No experiment uses the last column. */
export function table(prefix: string, count: number, from = 0): string {
  const rows = Array.from({ length: count }, (_, index) => {
    const { text, labels } = oneCase(from + index);
    return `${prefix}${index},"${text}","${labels}",row ${index}`;
  });
  return `${["id,text,labels,comment", ...rows].join("\n")}\n`;
}

/** Replayed answers to a data file; two of three are correct. */
export function answers(prefix: string, count: number, from = 0): string {
  const rows = Array.from({ length: count }, (_, index) => {
    const text = index % 3 === 0 ? "unknown" : oneCase(from + index).labels;
    return `${JSON.stringify({ id: `${prefix}${index}`, text })}\n`;
  });
  return rows.join("");
}

/** Replayed answers to validation and test rows; every n-th is wrong. */
export function answersOf(wrongEvery: number): string {
  const lines = `${answers("v", 12, 200)}${answers("test-", 9, 100)}`.split("\n").filter((line) => line !== "");
  const truth = new Map(
    `${table("v", 12, 200)}${table("test-", 9, 100)}`
      .split("\n")
      .map((line) => /^([^,]+),"[^"]*","([^"]*)"/.exec(line))
      .flatMap((match) => (match === null ? [] : [[match[1] as string, match[2] as string] as const])),
  );
  return lines
    .map((line) => JSON.parse(line) as { id: string })
    .map(({ id }, at) => `${JSON.stringify({ id, text: at % wrongEvery === 0 ? "unknown" : truth.get(id) })}\n`)
    .join("");
}

/** A study with replayed answers: no step needs Python. */
const replay = `# A study whose answers are replayed
name: study
data:
  train: {file: data/train.csv}
  test: {file: data/test.csv}
  columns: {id: id, input: text, target: labels}
  labels: {separator: ","}
model: {base: smollm2-135m}
prompt: {template: prompts/ask.hbs}
generate: {engine: replay, file: data/answers.jsonl}
baselines: []
`;

/** A fine-tuning of a tiny model, with every arm. */
const tuned = `# A fine-tune of a tiny model
name: tuned
data:
  train: {file: data/train.csv}
  test: {file: data/test.csv}
  columns: {id: id, input: text, target: labels}
model: {base: ../models/tiny}
prompt: {template: prompts/ask.hbs, zero_shot: prompts/zero.hbs}
train:
  backend: torchtune
  method: lora
  rank: 4
  epochs: 1
  batch_size: 8
  gradient_accumulation: 1
  learning_rate: 1.0e-3
  max_length: 256
  precision: fp32
  checkpoint: {every_steps: 2}
generate: {engine: transformers, precision: 32bit, max_new_tokens: 8}
baselines: [tfidf_svm]
resources: {gpus: 0}
`;

/** Every file of the studies. */
export const study: Readonly<Record<string, string>> = {
  "experiments/study.yaml": replay,
  "experiments/tuned.yaml": tuned,
  "experiments/data/train.csv": table("train-", 48),
  "experiments/data/test.csv": table("test-", 9, 100),
  "experiments/data/answers.jsonl": answers("test-", 9, 100),
  "prompts/ask.hbs": "{{#system}}Name the diagnoses.{{/system}}\n{{#user}}{{input}}{{/user}}\n",
  "prompts/zero.hbs": "{{#system}}Name the diagnoses, nothing else.{{/system}}\n{{#user}}{{input}}{{/user}}\n",
};
