/** A language model as a judge of free texts. */
import { cpSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import excel from "exceljs";
import { expect } from "vitest";
import type { ArmMetrics } from "../pipeline/result-files.ts";
import { startServer } from "./chat-server.ts";
import { expectFailure } from "./command.ts";
import { type Rig, test } from "./rig.ts";

const clone = fileURLToPath(new URL("../..", import.meta.url));
const file = "experiments/judged.yaml";

const rubric = `{{#user}}
{{input}}
Reference: {{reference}}
Answer: {{answer}}
{{/user}}
`;

/** The incident study with a judge that gives 5 to an answer that equals the reference, 1 to short answers, and no score to others. */
async function judgedStudy(rig: Rig) {
  for (const folder of ["experiments", "prompts"]) cpSync(join(clone, folder), rig.path(folder), { recursive: true });
  const asked: string[] = [];
  const { port } = await startServer(rig, (request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const { messages } = JSON.parse(Buffer.concat(chunks).toString("utf8")) as { messages: { content: string }[] };
      const text = messages.at(-1)?.content ?? "";
      asked.push(text);
      const [, reference, answer = ""] = /Reference: (.*)\nAnswer: ?(.*)/.exec(text) ?? [];
      const content = answer === reference ? "Score: 5" : answer.length < 40 ? '{"score": 1}' : "It depends.";
      const usage = { prompt_tokens: 50, completion_tokens: 4 };
      response.end(JSON.stringify({ choices: [{ message: { content }, finish_reason: "stop" }], usage }));
    });
  });
  rig.write("prompts/rubric.hbs", rubric);
  const write = (judge: string, more = ""): void =>
    rig.write(
      file,
      `extends: incident-titles-replay.yaml
name: judged
evaluate:
  metrics: [rouge_l]
  judge:
    rubric: ../prompts/rubric.hbs
    scale: [1, 5]
    generate: {engine: openai, base_url: "http://127.0.0.1:${port}/v1", model: judge-1}
    ${judge}
${more}`,
    );
  return { asked, write, address: `http://127.0.0.1:${port}/v1` };
}

test("a judge scores each answer once; failures, tokens and its agreement with people are reported", async ({
  rig,
}) => {
  const { asked, write } = await judgedStudy(rig);
  const rated = [
    ["same", "same", 5],
    ["same", "no", 2],
    ["same", "none", 1],
    ["same", "a long answer that the judge does not score at all", 3],
  ].map(([reference, answer, score]) => JSON.stringify({ input: "x", reference, answer, score }));
  rig.write("experiments/ratings.jsonl", `${rated.join("\n")}\n`);
  write("ratings: ratings.jsonl", "  primary: {metric: judge_score, view: raw}\n");
  const { manifest } = await rig.build(file);
  expect(asked).toHaveLength(4 * 40 + 4);
  const { run, arms, cost } = rig.manifest(manifest);
  const folder = `artifacts/runs/judged/${run}`;
  const { judge, n } = rig.readJson(`${folder}/tuned/metrics.json`) as ArmMetrics;
  expect(n).toBe(40);
  expect(judge).toMatchObject({ prompt_tokens: 2000, new_tokens: 160 });
  expect((judge?.judged ?? 0) + (judge?.failed ?? 0)).toBe(40);
  // 9 of 40 answers equal the target; those without a score are left out, and are no zeros.
  expect(judge?.failed).toBeGreaterThan(0);
  const judged = judge?.judged as number;
  expect(arms.tuned?.raw.judge_score).toBeCloseTo((9 * 5 + (judged - 9)) / judged, 12);
  expect(judge?.agreement).toMatchObject({ rated: 4, n: 3, equal: { value: 2 / 3 } });
  expect(cost.tokens).toMatchObject({ prompted: 164 * 50, generated: 164 * 4 });

  const shown = await rig.output("show", "judged");
  expect(shown).toContain(`LoRA ${judge?.failed} of 40`);
  expect(shown).toContain("Agreement with people on 3 answers (4 rated): weighted kappa");
  expect(await rig.output("compare", "judged")).toContain("Differences in judge_score");
  expect(await rig.output("ls")).toContain("judge_score (raw)");
  expect((await rig.exp("report", "judged", "--html", "--out", "out")).code).toBe(0);
  expect(rig.read("out/report.html")).toContain("Answers that the judge did not score");
  const book = new excel.Workbook();
  await book.xlsx.readFile(rig.path(`${folder}/workbook.xlsx`));
  const cells: string[] = [];
  for (const sheet of book.worksheets) sheet.eachRow((row) => row.eachCell(({ text }) => cells.push(text)));
  expect(cells).toEqual(expect.arrayContaining(["judge_score", "judge_failures", "judge_weighted_kappa"]));

  // Other resamples ask nothing; another rubric asks again.
  await rig.build(file, "--set", "evaluate.bootstrap.seed=7");
  expect(asked).toHaveLength(164);
  rig.write("prompts/rubric.hbs", rubric.replace("Reference", "Be strict.\nReference"));
  await rig.build(file);
  expect(asked).toHaveLength(328);
});

test("a judge without ratings decides nothing, and one of another author asks no server", async ({ rig }) => {
  const { asked, write, address } = await judgedStudy(rig);
  write("", "  primary: {metric: judge_score, view: raw}\n");
  expectFailure(await rig.exp("check", file), 2, "unrated-judge");
  write(
    "",
    "data: {validation: {fraction: 0.1}}\nsweep: {grid: {train.rank: [8, 16]}, select: {metric: judge_score, view: raw}}\n",
  );
  expectFailure(await rig.exp("check", file), 2, "unrated-judge");
  write("ratings: ratings.jsonl");
  rig.write("experiments/ratings.jsonl", '{"input": "x"}\n');
  expectFailure(await rig.exp("run", file), 1, "bad-ratings", "line 1");
  write("");
  rig.write("prompts/rubric.hbs", rubric.replace("{{answer}}", "{{answr}}"));
  expectFailure(await rig.exp("check", file), 2, "template", "answr");
  rig.write("prompts/rubric.hbs", rubric);
  const before = asked.length;
  rig.write("manifests/study-12345678.json", "{}");
  rig.write("checklist.md", "# Checklist\n");
  expectFailure(await rig.exp("run", file), 3, "untrusted", `evaluate.judge.generate.base_url: "${address}"`);
  expect(asked).toHaveLength(before);
});
