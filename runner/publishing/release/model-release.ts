import { existsSync, readFileSync, realpathSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { isRepository } from "../../hub/names.ts";
import type { StoredFile } from "../../pipeline/plan/record.ts";
import { stepOfArm } from "../../pipeline/plan/step-ref.ts";
import { readResult } from "../../pipeline/result-files.ts";
import { readPredictions } from "../../pipeline/steps/answer.ts";
import { readJsonLines } from "../../pipeline/steps/jsonl.ts";
import { scoringFiles, taskOf } from "../../pipeline/steps/task.ts";
import { exportName } from "../../pipeline/steps/upload-formats.ts";
import { engines } from "../../plugins/engines/registry.ts";
import type { Experiment } from "../../plugins/experiment.ts";
import { formats, readDeclaredFormat } from "../../plugins/formats/registry.ts";
import { factsOf } from "../../reporting/facts/run-facts.ts";
import { hasLabels } from "../../reporting/report/display-names.ts";
import type { FinishedRun } from "../../runs/finished-runs.ts";
import { outputFolder } from "../../runs/run-folder.ts";
import { sha256 } from "../../util/canonical.ts";
import { fileInside } from "../../util/inside.ts";
import { UserError } from "../../util/user-error.ts";
import { checkCard } from "./card-checks.ts";
import { example, longestInput } from "./card-texts.ts";
import { type PrivateNames, scanForLeaks } from "./leak-scan.ts";
import { modelCard } from "./model-card.ts";
import type { CardFacts, ExportedFacts, ShownCase } from "./model-card-facts.ts";
import { type FailedCheck, failedCheck, type Release, type ReleaseFile } from "./release.ts";
import { inputPlaceholder } from "./usage-example.ts";

/** What a release needs of the machine. */
export type ReleaseContext = PrivateNames & {
  /** Folders to search for templates: the project root, then the folder of the exp package. */
  readonly roots: readonly string[];
  /** The cache of the Hugging Face libraries. */
  readonly cache: string;
  /** Current SHA-256 of a file. */
  digest(path: string): string;
};

/** A release and the pre-publish checks that failed. `release` is undefined if the run has no model. */
export type PreparedRelease = { readonly release: Release | undefined; readonly failed: readonly FailedCheck[] };

type Kind = CardFacts["kind"];
type Upload = NonNullable<Experiment["upload"]>;

/** The step and the output folder of a model, by the kind of upload. */
const models: Readonly<Record<Exclude<Kind, "none">, { readonly step: string; readonly folder: string }>> = {
  adapter: { step: "train", folder: "adapter/" },
  merged: { step: "merge", folder: "merged/" },
  full: { step: "train", folder: "model/" },
};

/** Prepares the model of a finished run for upload and runs the pre-publish checks that need no network. */
export async function prepareModelRelease(
  run: FinishedRun,
  upload: Upload,
  context: ReleaseContext,
): Promise<PreparedRelease> {
  const config = run.manifest.config;
  const kind: Exclude<Kind, "none"> = config.train?.method === "full" ? "full" : upload.content;
  const { step, folder } = models[kind];
  const failed: FailedCheck[] = [];
  const hasModel = Object.keys(run.manifest.steps[step]?.files ?? {}).some((name) => name.startsWith(folder));
  if (!hasModel) {
    const help =
      kind === "merged"
        ? "set upload.content: merged and run the experiment again"
        : "upload a run that trains a model";
    failed.push(failedCheck("no-model", `the run has no ${folder}`, help));
  }
  const runFiles = new RunFiles(run, context, failed);
  const base = baseOf(config, upload);
  const weights = runFiles
    .all(step, folder)
    .map((file) => (isAdapterConfig(file) ? withPublicBase(file, base, failed) : file));
  if (kind === "merged" && hasModel) checkMerge(run, failed);
  const prompt = promptOf(run, config, context, failed);
  const forms = answerForms(run, config, context, failed);
  const exported = exportedModels(run, upload, runFiles, failed);
  const files = [
    ...weights,
    ...(kind === "merged" ? runFiles.one("merge", "merge.json", "merge.json") : []),
    ...runFiles.one("fetch", "model.json", "model.json"),
    ...prompt.files,
    ...exported.flatMap(({ files }) => files),
    ...(hasLabels(config) ? runFiles.one("data", "labels.json", "labels.json") : []),
    ...forms,
    ...runFiles.one("compare", "comparison.json", "evaluation/comparison.json"),
    ...Object.keys(run.manifest.arms).flatMap((arm) =>
      runFiles.one(stepOfArm("evaluate", arm), "metrics.json", `evaluation/${arm}/metrics.json`),
    ),
    textFile("manifest.json", readFileSync(run.path, "utf8")),
  ];
  // The number of test evaluations grows after the run. The card must not depend on it.
  const facts = cardOrFailure(
    failed,
    (): CardFacts => ({
      run: factsOf(run, null),
      ...{ repo: upload.repo, license: upload.license ?? upload.base_license, base, files },
      ...{ kind: hasModel ? kind : "none", stated: upload, shown: shownCase(run) },
      exported: exported.map(({ facts }) => facts),
      ...{ template: prompt.template, messages: prompt.messages, intervals: run.manifest.intervals },
      forms: forms.map(({ path }) => path),
    }),
  );
  const card = facts === undefined ? undefined : modelCard(facts);
  if (card !== undefined) failed.push(...checkCard(card));
  if (card !== undefined && upload.base_license === undefined && upload.license !== undefined) {
    failed.push(failedCheck("card-invalid", "the licence of the base model is missing", "set upload.base_license"));
  }
  const release: Release = {
    type: "model",
    repo: upload.repo,
    private: upload.private,
    title: `${run.manifest.experiment} ${run.manifest.run}`,
    files: facts === undefined || card === undefined ? files : [cardFile(card, facts), ...files],
  };
  failed.push(...(await scanForLeaks(run, release, context)));
  return { release, failed };
}

/** The model in the formats of the upload: its files, in a folder for each, and what it lost on validation rows. */
function exportedModels(
  run: FinishedRun,
  { formats: wanted = [] }: Upload,
  files: RunFiles,
  failed: FailedCheck[],
): readonly { readonly files: readonly ReleaseFile[]; readonly facts: ExportedFacts }[] {
  return wanted.map(readDeclaredFormat).map((one) => {
    const name = exportName(one);
    const model = files.all(stepOfArm("export", name), "exported/").filter(({ path }) => path !== exportReport);
    if (model.length === 0) {
      const help = "run the experiment again. It builds only what is missing";
      failed.push(failedCheck("no-model", `the run has no model in the format ${one.format} (${one.type})`, help));
    }
    const step = stepOfArm("export_scores", name);
    const scores = files.one(step, "comparison.json", "scores.json");
    const folder = join(dirname(run.path), outputFolder(step));
    return {
      files: [...model, ...scores].map((file) => ({ ...file, path: `${name}/${file.path}` })),
      facts: {
        ...{ name, ...one, size: model.find(({ path }) => path === formats.get(one.format).file)?.size ?? 0 },
        comparison:
          scores.length > 0 && existsSync(join(folder, "comparison.json"))
            ? readResult("comparison.json", folder)
            : undefined,
      },
    };
  });
}

/** The report of an export, which has the versions and sizes that the card and the manifest have. */
const exportReport = "export.json";

/** The files of a run. Checks the digest of each against the manifest. */
export class RunFiles {
  readonly #run: FinishedRun;
  readonly #context: ReleaseContext;
  readonly #failed: FailedCheck[];

  constructor(run: FinishedRun, context: ReleaseContext, failed: FailedCheck[]) {
    this.#run = run;
    this.#context = context;
    this.#failed = failed;
  }

  /** The files of a step's output folder, for the top of the repository. */
  all(step: string, folder: string): readonly ReleaseFile[] {
    return Object.keys(this.#run.manifest.steps[step]?.files ?? {})
      .filter((name) => name.startsWith(folder))
      .flatMap((name) => this.one(step, name, name.slice(folder.length)));
  }

  /** One file of a step; none if the run does not have it. */
  one(step: string, name: string, path: string): readonly ReleaseFile[] {
    const listed: StoredFile | undefined = this.#run.manifest.steps[step]?.files[name];
    if (listed === undefined) return [];
    const file = join(dirname(this.#run.path), outputFolder(step), name);
    const help = `run ${this.#run.manifest.file} again. It builds only what is missing`;
    if (!existsSync(file)) {
      this.#failed.push(failedCheck("file-gone", `${name} of ${step} is missing`, help));
      return [];
    }
    if (this.#context.digest(realpathSync(file)) !== listed.sha256) {
      this.#failed.push(failedCheck("file-altered", `${name} of ${step} differs from the manifest`, help));
    }
    return [{ path, sha256: listed.sha256, size: listed.size, content: { file } }];
  }
}

/** A generated file. `permitted`: passages that the search for rows leaves out. */
export function textFile(path: string, content: string, permitted: readonly string[] = []): ReleaseFile {
  return { path, sha256: sha256(content), size: Buffer.byteLength(content), content: { text: content, permitted } };
}

/**
 * The first evaluated case with a short input, and the answer of the tuned arm. Undefined unless the study declares
 * that rows may be published, and if the run lacks a file.
 */
function shownCase({ path, manifest: { config } }: FinishedRun): ShownCase | undefined {
  if (config.data.origin?.publish !== true) return undefined;
  const folder = dirname(path);
  const [rows, answers] = [
    join(folder, `data/${config.evaluate.split}.jsonl`),
    join(folder, "tuned/predictions.jsonl"),
  ];
  if (!existsSync(rows) || !existsSync(answers)) return undefined;
  const row = readJsonLines<{ readonly id: string; readonly input: string }>(rows).find(
    ({ input }) => input.trim() !== "" && input.length <= longestInput,
  );
  const answer = readPredictions(answers, taskOf(config).predictionKey).find(({ id }) => id === row?.id);
  if (row === undefined || answer?.text === undefined) return undefined;
  return { input: row.input.trim(), gold: answer.gold, answer: answer.text.trim(), prediction: answer.prediction };
}

/** The public name of the base model, and its commit if the run used that commit. */
function baseOf({ model }: Experiment, { base_model }: Upload): CardFacts["base"] {
  const isHub = isRepository(model.base) && model.revision !== undefined;
  return isHub ? { name: model.base, revision: model.revision as string } : { name: base_model ?? "", revision: null };
}

const isAdapterConfig = ({ path }: ReleaseFile): boolean => path === "adapter_config.json";

/** Puts the public name of the base model into an adapter's config. The local name may be a path of this machine. */
function withPublicBase(file: ReleaseFile, base: CardFacts["base"], failed: FailedCheck[]): ReleaseFile {
  const written = readFileSync((file.content as { readonly file: string }).file, "utf8");
  try {
    const config = JSON.parse(written) as Record<string, unknown>;
    if (config.base_model_name_or_path === base.name || base.name === "") return file;
    const named = { ...config, base_model_name_or_path: base.name, revision: base.revision };
    return textFile(file.path, `${JSON.stringify(named, null, 1)}\n`);
  } catch {
    failed.push(failedCheck("file-altered", "adapter_config.json is not JSON", "train again"));
    return file;
  }
}

/** Checks that the merge step found the merged model equal to the base model with its adapter. */
function checkMerge({ path }: FinishedRun, failed: FailedCheck[]): void {
  const file = join(dirname(path), "merge.json");
  try {
    if (readResult("merge.json", file).equal === true) return;
  } catch {
    // A missing or damaged report does not show it.
  }
  const message = "merge.json does not show that the merged model equals the base model with its adapter";
  failed.push(failedCheck("merge-unproved", message, "run the experiment again, or set upload.content: adapter"));
}

const isReplayed = ({ generate }: Experiment): boolean => engines.find(generate.engine)?.recorded !== undefined;

type Prompt = {
  readonly files: readonly ReleaseFile[];
  readonly template: string;
  readonly messages: string | undefined;
};

/** The template that the run used, and the messages that it renders, with a placeholder for the input. */
function promptOf(
  run: FinishedRun,
  config: Experiment,
  { roots, digest }: ReleaseContext,
  failed: FailedCheck[],
): Prompt {
  const source = config.prompt.template;
  const path = roots.map((root) => fileInside(root, source)).find((file) => file !== undefined);
  const template = `prompts/${basename(source)}`;
  const used = run.manifest.provenance.sources[source];
  const messages = messagesOf(run);
  const shown = messages === undefined ? [] : [textFile("prompts/messages.json", messages)];
  // Recorded answers need no prompt.
  if (used === undefined && isReplayed(config)) return { files: [], template, messages: undefined };
  if (path === undefined || digest(path) !== used) {
    const message = `${source} has changed since the run`;
    failed.push(failedCheck("template-changed", message, "restore it, or run the experiment again"));
    return { files: shown, template, messages: shown[0]?.path };
  }
  return {
    files: [textFile(template, readFileSync(path, "utf8")), ...shown],
    template,
    messages: shown[0]?.path,
  };
}

/** The files that state the form of answers, such as a JSON Schema, as the run used them. */
function answerForms(
  { manifest }: FinishedRun,
  config: Experiment,
  { roots, digest }: ReleaseContext,
  failed: FailedCheck[],
): readonly ReleaseFile[] {
  const { answerForm = [] } = taskOf(config);
  const scoring = scoringFiles(config);
  return answerForm.flatMap((key) => {
    const source = scoring[key];
    if (source === undefined) return [];
    const path = roots.map((root) => fileInside(root, source)).find((file) => file !== undefined);
    if (path !== undefined && digest(path) === manifest.provenance.sources[source])
      return [textFile(`schemas/${basename(source)}`, readFileSync(path, "utf8"))];
    const message = `${source} has changed since the run`;
    failed.push(failedCheck("file-altered", message, "restore it, or run the experiment again"));
    return [];
  });
}

/** The prompt of the first case without its input; undefined if it differs in more, or changes the input. */
function messagesOf({ path, manifest }: FinishedRun): string | undefined {
  const folder = dirname(path);
  const { split } = manifest.config.evaluate;
  const [prompts, rows] = [join(folder, "tuned/eval.jsonl"), join(folder, `data/${split}.jsonl`)];
  if (!existsSync(prompts) || !existsSync(rows)) return undefined;
  type Shown = {
    readonly id: string;
    readonly messages: readonly { role: string; content: string }[];
    readonly examples?: unknown;
    readonly candidates?: unknown;
  };
  const [first] = readJsonLines<Shown>(prompts);
  const row = readJsonLines<{ readonly id: string; readonly input: string }>(rows).find(({ id }) => id === first?.id);
  const input = row?.input.trim() ?? "";
  if (first === undefined || first.examples !== undefined || first.candidates !== undefined || input === "")
    return undefined;
  if (!first.messages.some(({ content }) => content.includes(input))) return undefined;
  const open = first.messages.map(({ role, content }) => ({
    role,
    content: content.replaceAll(input, inputPlaceholder),
  }));
  return `${JSON.stringify(open, null, 1)}\n`;
}

/** The card. The search for rows leaves out the case that it shows. */
function cardFile(card: string, facts: CardFacts): ReleaseFile {
  return textFile("README.md", card, facts.shown === undefined ? [] : [example(facts)]);
}

/** Makes a card or its facts. If a file of the run is missing, adds a failed check and gives undefined. */
export function cardOrFailure<T>(failed: FailedCheck[], make: () => T): T | undefined {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof UserError && error.code === "file-gone")) throw error;
    failed.push(failedCheck("file-gone", error.message, error.help ?? ""));
    return undefined;
  }
}
