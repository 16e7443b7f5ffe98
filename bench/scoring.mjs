import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const script = fileURLToPath(new URL("scoring.py", import.meta.url));

/** Scoring, intervals and paired tests, compared with scikit-learn and NumPy. */
export const scoring = {
  name: "scoring",
  async groups(bench) {
    const python = [bench.anchors.python("scikit-learn", "python"), script];
    return [
      await onePass(bench, python),
      await intervals(bench, python),
      await pairwise(bench, python),
      await differing(bench, python),
    ];
  },
};

async function onePass({ exp, compare, folder, quick }, python) {
  const cases = quick ? 10_000 : 100_000;
  const cwd = folder("scoring");
  writeCases(join(cwd, "cases.jsonl"), cases, 500);
  let ours;
  let theirs;
  const rows = await compare(
    [
      {
        who: "exp score, three label views",
        command: [...exp, "score", "cases.jsonl", "--json"],
        cwd,
        after: (stdout) => (ours = JSON.parse(stdout).views.raw),
      },
      {
        who: "scikit-learn, one label view",
        command: [...python, "metrics", "cases.jsonl"],
        cwd,
        after: (stdout) => (theirs = JSON.parse(stdout)),
      },
    ],
    { rounds: 3 },
  );
  for (const [name, value] of Object.entries(theirs)) {
    if (Math.abs(value - ours[name]) > 1e-9) throw new Error(`${name}: scikit-learn ${value}, exp ${ours[name]}`);
  }
  const note = `Both compute the same ${Object.keys(theirs).length} metrics to 1e-9.`;
  return { title: `Scoring ${cases.toLocaleString("en")} cases over 500 labels`, rows, note };
}

async function intervals({ exp, compare, folder, quick }, python) {
  const cases = quick ? 10_000 : 100_000;
  const cwd = folder("scoring");
  let ours;
  let theirs;
  const rows = await compare(
    [
      {
        who: "exp score --bootstrap 1000: 18 metrics, three label views",
        command: [...exp, "score", "cases.jsonl", "--json", "--bootstrap", "1000"],
        cwd,
        after: (stdout) => (ours = JSON.parse(stdout).intervals.raw),
        target: { cpu: 5, rss: 500 },
      },
      {
        who: "NumPy and sparse matrices: 5 metrics, one label view",
        command: [...python, "bootstrap", "cases.jsonl", "1000"],
        cwd,
        after: (stdout) => (theirs = JSON.parse(stdout)),
      },
    ],
    { rounds: 2 },
  );
  const apart = Object.entries(theirs).map(([name, [, low, high]]) =>
    Math.max(Math.abs(low - ours[name].low), Math.abs(high - ours[name].high)),
  );
  const note = `The ends of the intervals (BCa here, percentile there) differ by at most ${Math.max(...apart).toFixed(4)}.`;
  return { title: `Intervals for ${cases.toLocaleString("en")} cases over 500 labels, 1,000 samples`, rows, note };
}

async function pairwise({ exp, compare, folder, quick }, python) {
  const samples = quick ? 1_000 : 10_000;
  const cwd = folder("pairwise");
  const names = Array.from({ length: 10 }, (_, run) => `run${run}`);
  writeRuns(cwd, { names, cases: 386, labels: 60, samples });
  const files = names.map((name) => `artifacts/runs/${name}/latest/zero_shot/predictions.jsonl`);
  let ours;
  let theirs;
  const rows = await compare(
    [
      {
        who: "exp compare, 10 runs",
        command: [...exp, "compare", ...names, "--json"],
        cwd,
        before: once(() =>
          execFileSync(
            exp[0],
            [...exp.slice(1), "run", "--quiet", ...names.map((name) => `experiments/${name}.yaml`)],
            { cwd },
          ),
        ),
        after: (stdout) => (ours = JSON.parse(stdout)),
        target: { cpu: 5 },
      },
      {
        who: "NumPy, SciPy and sparse matrices",
        command: [...python, "pairs", String(samples), ...files],
        cwd,
        after: (stdout) => (theirs = JSON.parse(stdout)),
      },
    ],
    { rounds: 2 },
  );
  for (const { a, b, exact_match } of ours.pairs) {
    const { mcnemar } = theirs[`${names.indexOf(a)} ${names.indexOf(b)}`];
    if (Math.abs(exact_match.p - mcnemar) > 1e-9) throw new Error(`${a} ${b}: ${exact_match.p} and ${mcnemar}`);
  }
  const note = `${ours.pairs.length} pairs, five metrics: intervals, paired bootstrap, approximate randomisation, exact McNemar (the same p to 1e-9).`;
  return { title: `All pairwise tests of 10 runs, 386 cases, ${samples.toLocaleString("en")} samples`, rows, note };
}

async function differing({ exp, compare, folder, quick }, python) {
  const cases = quick ? 1_000 : 10_000;
  const cwd = folder("differing");
  const names = ["a", "b"];
  writeRuns(cwd, { names, cases, labels: 60, samples: 100 });
  const files = names.map((name) => `artifacts/runs/${name}/latest/zero_shot/predictions.jsonl`);
  let ours;
  let theirs;
  const rows = await compare(
    [
      {
        who: "exp diff: configuration, sources, files, metrics, flipped cases",
        command: [...exp, "diff", ...names, "--json"],
        cwd,
        before: once(() =>
          execFileSync(
            exp[0],
            [...exp.slice(1), "run", "--quiet", ...names.map((name) => `experiments/${name}.yaml`)],
            { cwd },
          ),
        ),
        after: (stdout) => (ours = JSON.parse(stdout).cases.zero_shot),
        target: { cpu: 0.5 },
      },
      {
        who: "Python: flipped cases only",
        command: [...python, "diff", ...files],
        cwd,
        after: (stdout) => (theirs = JSON.parse(stdout)),
      },
    ],
    { rounds: 3 },
  );
  for (const what of ["fixed", "broken"]) {
    if (ours[what].length !== theirs[what]) throw new Error(`${what}: ${ours[what].length} and ${theirs[what]}`);
  }
  return { title: `Difference of two runs of ${cases.toLocaleString("en")} cases`, rows };
}

/** Calls a function before the first round only. */
function once(act) {
  let done = false;
  return () => {
    if (!done) act();
    done = true;
  };
}

function numbers() {
  let state = 7;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** One to five labels for each case with a long tail; two thirds are predicted. */
function writeCases(path, cases, labels) {
  const random = numbers();
  const label = () => `label ${Math.floor(labels * random() ** 2)}`;
  const lines = Array.from({ length: cases }, (_, id) => {
    const gold = [...new Set(Array.from({ length: 1 + Math.floor(5 * random()) }, label))];
    const pred = [...new Set(gold.map((one) => (random() < 0.66 ? one : label())))];
    return `${JSON.stringify({ id: String(id), gold, pred })}\n`;
  });
  writeFileSync(path, lines.join(""));
}

/** Experiments with recorded answers to the same cases, each a little better than the one before. */
function writeRuns(cwd, { names, cases, labels, samples }) {
  const random = numbers();
  const label = () => `label ${Math.floor(labels * random() ** 2)}`;
  mkdirSync(join(cwd, "experiments/data"), { recursive: true });
  mkdirSync(join(cwd, "prompts"), { recursive: true });
  writeFileSync(join(cwd, "prompts/ask.hbs"), "{{#user}}{{input}}{{/user}}\n");
  const draw = (prefix, count) =>
    Array.from({ length: count }, (_, at) => ({
      id: `${prefix}${at}`,
      gold: [...new Set(Array.from({ length: 1 + Math.floor(4 * random()) }, label))],
    }));
  const table = (rows) =>
    `id,text,labels\n${rows.map(({ id, gold }) => `${id},Report ${id}: ${random()},"${gold.join(", ")}"\n`).join("")}`;
  const test = draw("test", cases);
  writeFileSync(join(cwd, "experiments/data/test.csv"), table(test));
  writeFileSync(join(cwd, "experiments/data/train.csv"), table(draw("train", 400)));
  for (const [at, name] of names.entries()) {
    const answers = test.map(({ id, gold }) => {
      const found = gold.map((one) => (random() < 0.6 + 0.02 * at ? one : label()));
      return `${JSON.stringify({ id, text: [...new Set(found)].join(", ") })}\n`;
    });
    writeFileSync(join(cwd, `experiments/data/${name}.jsonl`), answers.join(""));
    writeFileSync(
      join(cwd, `experiments/${name}.yaml`),
      `name: ${name}
data:
  train: {file: data/train.csv}
  test: {file: data/test.csv}
  columns: {id: id, input: text, target: labels}
model: {base: smollm2-135m}
prompt: {template: prompts/ask.hbs}
generate: {engine: replay, file: data/${name}.jsonl}
evaluate: {bootstrap: {resamples: ${samples}}}
baselines: []
report: {xlsx: false, pdf: false, html: false}
`,
    );
  }
}
