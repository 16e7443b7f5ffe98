import { armOfStep, stepOfArm } from "../pipeline/plan/step-ref.ts";
import { type Preview, type PreviewRow, readResult } from "../pipeline/result-files.ts";
import { readJsonLines } from "../pipeline/steps/jsonl.ts";
import { draftsOfPreview } from "../pipeline/steps/preview.ts";
import { engines } from "../plugins/engines/registry.ts";
import { defaultEnvironment } from "../plugins/environments.ts";
import { loadAll } from "../project/load.ts";
import { openProject } from "../project/project.ts";
import { environmentStatus } from "../setup/environments.ts";
import { previewText } from "../terminal/preview.ts";
import { exit } from "../util/context.ts";
import { defineCommand, integer, negatedFlag, required } from "./command.ts";
import { json, set, trust } from "./common-options.ts";
import { runDrafts } from "./run-drafts.ts";

export const command = defineCommand({
  arguments: { file: required("file", "An experiment file.") },
  options: {
    rows: integer("n", "Show this many training rows.", { min: 1, default: 5 }),
    answer: negatedFlag("Leave out the base model's answers, which need its weights."),
    set,
    trust,
    json,
  },
  async run({ file, rows, answer, set, trust, json }, context) {
    const [one] = loadAll([file], { set, trust }, context);
    const [point] = one?.points ?? [];
    if (one === undefined || point === undefined) return exit.invalid;
    const { experiment } = point;
    const project = await openProject(one.root, context, "write");
    const { site } = project;
    const environment = defaultEnvironment();
    const { state } = environmentStatus(environment, context);
    const drafts = draftsOfPreview(experiment, site, { rows, answer }, state === "ok");
    const drafted = { experiment: one.name, role: "final" as const, coordinates: point.coordinates, drafts };
    const fileOf = await runDrafts(drafted, project, context);
    if (fileOf === undefined) return exit.failed;
    const notes: string[] = [];
    if (one.points.length > 1) notes.push(`the first of ${one.points.length} runs: ${point.coordinates}`);
    if (state !== "ok")
      notes.push(`no tokens and no answers: the Python environment is ${state}; run exp setup ${environment}`);
    if (state === "ok" && answer && !engines.get(experiment.generate.engine).loads?.previews) {
      notes.push(`no answers: exp preview does not support engine ${experiment.generate.engine}`);
    }
    const arms = drafts.filter(({ kind }) => kind === "prompt").map(({ id }) => armOfStep(id));
    const shown = arms.map((arm) => {
      const preview: Preview =
        state === "ok"
          ? readResult("preview.json", fileOf(stepOfArm("preview", arm), "preview.json"))
          : {
              rows: readJsonLines<PreviewRow>(fileOf(stepOfArm("prompt", arm), "eval.jsonl"))
                .slice(0, rows)
                .map((row) => ({ ...row, text: null, prompt: null, masked: null, trained: null, answer: null })),
              missing: {},
            };
      const why = Object.entries(preview.missing).map(([what, reason]) => `no ${what}: ${reason}`);
      return { arm, rows: preview.rows, notes: [...notes, ...why] };
    });
    if (json) context.out(`${JSON.stringify({ experiment: one.name, arms: shown }, null, 1)}\n`);
    else context.out(shown.map(({ arm, rows: all, notes }) => previewText(arm, all.map(forPeople), notes)).join("\n"));
    return exit.done;
  },
});

function forPeople(row: PreviewRow) {
  const { id, target, messages, examples, prompt, masked, trained, answer } = row;
  return {
    id,
    target,
    text: row.text ?? messages.map(({ role, content }) => `[${role}]\n${content}`).join("\n\n"),
    ...(examples === undefined ? {} : { examples }),
    prompt: prompt?.length ?? null,
    masked,
    trained: trained?.map(({ token }) => token) ?? null,
    answer,
  };
}
