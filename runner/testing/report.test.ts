/** Reports of finished runs, read with pdftotext. */
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { expect } from "vitest";
import { expectFailure } from "./command.ts";
import { type Rig, test } from "./rig.ts";

const compared = `
baselines: [most_frequent, nearest]
report: {notes: notes.md}
`;
const notes = `# 肝臓 の study of a_very_long_title_with_underscores

Ada Lovelace and Grace Hopper

## Discussion

Answers are *replayed*, so that \`nothing\` is learnt. #strong[not markup] $x^2$ @nobody

- first point
- second point
`;

/** Missing sections of the author notes are a warning. */
async function write(rig: Rig, ...args: readonly string[]): Promise<void> {
  const { code, stderr } = await rig.exp("report", ...args);
  expect(stderr).toContain("Related work");
  expect(code).toBe(0);
}

function pdfText(path: string): string {
  return execFileSync("pdftotext", ["-layout", path, "-"], { encoding: "utf8" });
}

test("a report has the numbers of its manifest, the text of its notes, and the same bytes again", async ({ rig }) => {
  rig.edit("experiments/study.yaml", "baselines: []\n", compared);
  rig.write("experiments/notes.md", notes);
  const { manifest } = await rig.build("experiments/study.yaml");
  await write(rig, "study", "--out", "first.pdf");
  await write(rig, manifest, "study", "--out", "second.pdf");
  expect(readFileSync(rig.path("first.pdf")).equals(readFileSync(rig.path("second.pdf")))).toBe(true);

  const text = pdfText(rig.path("first.pdf"));
  const { arms, run, steps } = rig.manifest(manifest);
  for (const arm of Object.values(arms)) expect(text).toContain(arm.canonical.micro_f1?.toFixed(3));
  for (const { object } of Object.values(steps)) expect(text).toContain(object.slice(0, 16));
  expect(text).toContain(run);
  expect(text).toContain("Grace Hopper");
  expect(text).toContain("second point");
  // Text of the authors is never interpreted as Typst.
  expect(text).toContain("#strong[not markup] $x^2$ @nobody");
  // What the notes lack is one list, the last section before the references.
  const [, tasks = ""] = text.split(/^ *\d+ +To be written by the authors$/m);
  expect(tasks).toMatch(/Related work: .*[\s\S]*Funding: /);
  expect(tasks).not.toMatch(/Title: |Authors: /);
  // Every page has the notice.
  const pages = text.split("\f").slice(0, -1);
  for (const page of pages) expect(page).toContain("Replayed predictions");
  expect(pages.length).toBeGreaterThan(3);
});

test("a final report has no list for the authors, and a warning names what is missing", async ({ rig }) => {
  rig.edit(
    "experiments/study.yaml",
    "baselines: []\n",
    "baselines: [most_frequent]\nreport: {notes: notes.md, final: true}\n",
  );
  const notes = "# A title\n\nAda\n\n## Data source\n\nMade up.\n";
  rig.write("experiments/notes.md", notes);
  await rig.build("experiments/study.yaml");
  const { stderr } = await rig.exp("report", "study", "--html", "--out", "out");
  expect(stderr).toMatch(/warning: The report is declared final.* lack Related work, .*Ethics, Funding/);
  expect(stderr).not.toMatch(/Title|Origin of the data/);
  expect(pdfText(rig.path("out/report.pdf"))).not.toContain("by the authors");
  expect(rig.read("out/report.html")).not.toContain("To be written by the authors");

  const headings = ["Related work", "Discussion", "Conclusion", "Ethics", "Funding", "Acknowledgements"];
  rig.write("experiments/notes.md", `${notes}${headings.map((one) => `\n## ${one}\n\nWritten.\n`).join("")}`);
  expect((await rig.exp("report", "study", "--out", "out")).stderr).toBe("");
});

test("the PDF is tagged: language, title, structure, and an alternative text of each figure", async ({ rig }) => {
  rig.edit("experiments/study.yaml", "baselines: []\n", "baselines: [most_frequent]\n");
  await rig.build("experiments/study.yaml");
  await write(rig, "study", "--html", "--out", "out");
  const pdf = readFileSync(rig.path("out/report.pdf"), "latin1");
  expect(pdf).toMatch(/\/Lang ?\(en\)/);
  expect(pdf).toMatch(/\/MarkInfo ?<<[^>]*\/Marked true/);
  expect(pdf).toMatch(/\/Title ?[(<]/);
  expect(pdf).toContain("/StructTreeRoot");
  for (const kind of ["H1", "P", "TH", "TD", "Figure", "Caption", "LI"])
    expect(pdf, kind).toMatch(new RegExp(`/S ?/${kind}\\b`));
  const figures = pdf.match(/\/S ?\/Figure\b/g) ?? [];
  const texts = pdf.match(/\/Alt ?[(<][^)>]{10,}/g) ?? [];
  const shown = rig.read("out/report.html").match(/<figure\b/g) ?? [];
  expect(figures.length).toBeGreaterThanOrEqual(shown.length);
  expect(shown.length).toBeGreaterThan(0);
  expect(texts).toHaveLength(figures.length);
});

test("characters that a document cannot hold are U+FFFD in every output", async ({ rig }) => {
  // A control character, a lone surrogate and a character that XML forbids.
  const odd = ["\\u0007", "\\ud83d", "\\uffff", "\\u0000"];
  const answers = rig.read("experiments/data/answers.jsonl").trim().split("\n");
  const changed = answers.map((line, at) => line.replace(/"text": ?"/, `"text": "odd${odd[at % odd.length]}, `));
  expect(changed).not.toEqual(answers);
  rig.overwrite("experiments/data/answers.jsonl", `${changed.join("\n")}\n`);
  rig.edit("experiments/study.yaml", "baselines: []\n", compared.replace("report: {notes: notes.md}\n", ""));
  await rig.build("experiments/study.yaml");
  await write(rig, "study", "--html", "--out", "out");
  expect(pdfText(rig.path("out/report.pdf"))).toContain("odd\ufffd");
  expect((await rig.exp("export", "package", "study")).code).toBe(0);
});

test("a report of several runs compares them", async ({ rig }) => {
  rig.edit(
    "experiments/study.yaml",
    "baselines: []\n",
    "baselines: [most_frequent]\nsweep:\n  grid: {data.train.seed: [1, 2, 3], data.train.limit: [20, 30]}\n",
  );
  const { events } = await rig.build("experiments/study.yaml");
  const manifests = events.flatMap((event) =>
    event.type === "run-end" && event.manifest !== null ? [event.manifest] : [],
  );
  expect(manifests).toHaveLength(6);
  await write(rig, ...manifests, "--out", "sweep.pdf");
  const text = pdfText(rig.path("sweep.pdf")).replaceAll(/\s+/g, " ");
  for (const seed of [1, 2, 3]) expect(text).toContain(`seed ${seed}, limit 20`);
  // The seed of the sample of training rows is a repetition.
  expect(text).toContain("The sweep has 2 settings and 6 runs.");
  expect(text).toContain("Learning curve");
  // Identical environments share a table.
  expect(text.match(/Node\.js/g)).toHaveLength(1);
});

test("a report of a sweep over prompts tests each one against the first", async ({ rig }) => {
  rig.write(
    "experiments/data/other.jsonl",
    rig.read("experiments/data/answers.jsonl").replaceAll(/"text": ?"[^"]*"/g, '"text": "no"'),
  );
  rig.edit(
    "experiments/study.yaml",
    "baselines: []\n",
    "baselines: []\nsweep:\n  grid: {prompt.system: [system, user], generate.file: [data/answers.jsonl, data/other.jsonl]}\n  exclude:\n    - {prompt.system: system, generate.file: data/other.jsonl}\n    - {prompt.system: user, generate.file: data/answers.jsonl}\n",
  );
  await rig.build("experiments/study.yaml");
  await write(rig, "study", "--out", "prompts.pdf");
  const text = pdfText(rig.path("prompts.pdf")).replaceAll(/[\s\u200b]+/g, " ");
  const runs = ["system", "user"].map((role) => {
    const [folder = ""] = readdirSync(rig.path("artifacts/runs/study")).filter((name) =>
      name.includes(`system=${role},`),
    );
    return rig.manifest(rig.path(`artifacts/runs/study/${folder}/manifest.json`)).arms.zero_shot?.canonical
      .micro_f1 as number;
  });
  const difference = (runs[1] as number) - (runs[0] as number);
  expect(difference).toBeLessThan(-0.2);
  expect(text).toMatch(new RegExp(`Comparison of prompts .* −${Math.abs(difference).toFixed(3)} \\[−`));
});

test("a report of an unknown run, or of a run with missing files, fails", async ({ rig }) => {
  expectFailure(await rig.exp("report", "nothing"), 2, "run-not-found");
  const { manifest } = await rig.build("experiments/study.yaml");
  const { steps } = rig.manifest(manifest);
  rig.remove(`artifacts/store/objects/${steps["evaluate.zero_shot"]?.object}`);
  expectFailure(await rig.exp("report", "study"), 2, "file-gone");
});
