import { existsSync, readFileSync, realpathSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import type { Experiment } from "../../config/schema.ts";
import type { StoredFile } from "../../pipeline/plan/record.ts";
import { stepOfArm } from "../../pipeline/plan/step-ref.ts";
import { readJsonLines } from "../../pipeline/steps/jsonl.ts";
import { factsOf } from "../../reporting/facts/run-facts.ts";
import type { FinishedRun } from "../../runs/finished-runs.ts";
import { outputFolder } from "../../runs/run-folder.ts";
import { sha256 } from "../../util/canonical.ts";
import { UserError } from "../../util/user-error.ts";
import { cardProblems, repoName } from "./card-checks.ts";
import { leaks, type Private } from "./leak-scan.ts";
import { cardOf } from "./model-card.ts";
import type { CardFacts } from "./model-card-facts.ts";
import { type Refusal, type Release, type ReleaseFile, refusal } from "./release.ts";
import { place } from "./usage-example.ts";

/** What a release is made with. */
export type Releasing = Private & {
  /** Where templates lie: the project's root, and the folder of the exp package, whose prompts/ stands in for what a project lacks. */
  readonly roots: readonly string[];
  /** SHA-256 of a file as it is now. */
  digest(path: string): string;
};

/** What would be published of a run, and every reason why it must not be. Without a model there is nothing to publish. */
export type Prepared = { readonly release: Release | undefined; readonly refusals: readonly Refusal[] };

type Kind = CardFacts["kind"];
type Upload = NonNullable<Experiment["upload"]>;

/** Folders of a model by what is uploaded: the step that made it and the folder of its outputs. */
const models: Readonly<Record<Kind, { readonly step: string; readonly folder: string }>> = {
  adapter: { step: "train", folder: "adapter/" },
  merged: { step: "merge", folder: "merged/" },
  full: { step: "train", folder: "model/" },
};

/** Puts together what is published of a finished run, and looks for every reason against it that this machine can know. */
export function prepareRelease(run: FinishedRun, upload: Upload, releasing: Releasing): Prepared {
  const config = run.manifest.config;
  const kind: Kind = config.train?.method === "full" ? "full" : upload.content;
  const { step, folder } = models[kind];
  if (!Object.keys(run.manifest.steps[step]?.files ?? {}).some((name) => name.startsWith(folder))) {
    const help =
      kind === "merged" ? "run it again with upload.content: merged" : "train it: give the experiment a train:";
    return { release: undefined, refusals: [refusal("no-model", `the run has no ${folder} to upload`, help)] };
  }
  const wrong: Refusal[] = [];
  const kept = new Kept(run, releasing, wrong);
  const base = baseOf(config, upload);
  const weights = kept.all(step, folder).map((file) => (isAdapterConfig(file) ? renamed(file, base, wrong) : file));
  if (kind === "merged") proveMerge(run, wrong);
  const prompt = promptOf(run, config, releasing, wrong);
  const files = [
    ...weights,
    ...(kind === "merged" ? kept.one("merge", "merge.json", "merge.json") : []),
    ...kept.one("fetch", "model.json", "model.json"),
    ...prompt.files,
    ...kept.one("data", "labels.json", "labels.json"),
    ...kept.one("compare", "comparison.json", "evaluation/comparison.json"),
    ...Object.keys(run.manifest.arms).flatMap((arm) =>
      kept.one(stepOfArm("evaluate", arm), "metrics.json", `evaluation/${arm}/metrics.json`),
    ),
    textFile("manifest.json", readFileSync(run.path, "utf8")),
  ];
  const card = cardOrWhy(run, wrong, {
    ...{ repo: upload.repo, license: upload.license ?? upload.base_license, kind, base, files },
    ...{ template: prompt.template, messages: prompt.messages, intervals: run.manifest.intervals },
  });
  if (card !== undefined && upload.base_license === undefined && upload.license !== undefined) {
    wrong.push(refusal("card-invalid", "the licence of the base is not named", "write upload.base_license"));
  }
  const release: Release = {
    type: "model",
    repo: upload.repo,
    private: upload.private,
    title: `${run.manifest.experiment} ${run.manifest.run}`,
    files: card === undefined ? files : [textFile("README.md", card), ...files],
  };
  wrong.push(...leaks(run, release, releasing));
  return { release, refusals: wrong };
}

/** Reads files of the run, each with the digest that its manifest names. */
export class Kept {
  readonly #run: FinishedRun;
  readonly #releasing: Releasing;
  readonly #wrong: Refusal[];

  constructor(run: FinishedRun, releasing: Releasing, wrong: Refusal[]) {
    this.#run = run;
    this.#releasing = releasing;
    this.#wrong = wrong;
  }

  /** Every file of a step below a folder of its outputs, at the top of the repository. */
  all(step: string, folder: string): readonly ReleaseFile[] {
    return Object.keys(this.#run.manifest.steps[step]?.files ?? {})
      .filter((name) => name.startsWith(folder))
      .flatMap((name) => this.one(step, name, name.slice(folder.length)));
  }

  /** One file of a step, if the run has it. */
  one(step: string, name: string, path: string): readonly ReleaseFile[] {
    const listed: StoredFile | undefined = this.#run.manifest.steps[step]?.files[name];
    if (listed === undefined) return [];
    const file = join(dirname(this.#run.path), outputFolder(step), name);
    const again = `run ${this.#run.manifest.file} again, which builds only what is missing`;
    if (!existsSync(file)) {
      this.#wrong.push(refusal("file-gone", `${step}'s ${name} is no longer there`, again));
      return [];
    }
    if (this.#releasing.digest(realpathSync(file)) !== listed.sha256) {
      this.#wrong.push(refusal("file-altered", `${step}'s ${name} is not what the manifest says`, again));
    }
    return [{ path, sha256: listed.sha256, size: listed.size, content: { file } }];
  }
}

export function textFile(path: string, content: string): ReleaseFile {
  return { path, sha256: sha256(content), size: Buffer.byteLength(content), content: { text: content } };
}

/** The base by the name that the world knows it by, and the commit where the run's own base was that commit. */
function baseOf({ model }: Experiment, { base_model }: Upload): CardFacts["base"] {
  const isHub = repoName.test(model.base) && model.revision !== undefined;
  return isHub ? { name: model.base, revision: model.revision as string } : { name: base_model ?? "", revision: null };
}

const isAdapterConfig = ({ path }: ReleaseFile): boolean => path === "adapter_config.json";

/** An adapter's config that names a base which only this machine knows gets the name that others can load. */
function renamed(file: ReleaseFile, base: CardFacts["base"], wrong: Refusal[]): ReleaseFile {
  const written = readFileSync((file.content as { readonly file: string }).file, "utf8");
  try {
    const config = JSON.parse(written) as Record<string, unknown>;
    if (config.base_model_name_or_path === base.name || base.name === "") return file;
    const named = { ...config, base_model_name_or_path: base.name, revision: base.revision };
    return textFile(file.path, `${JSON.stringify(named, null, 1)}\n`);
  } catch {
    wrong.push(refusal("file-altered", "adapter_config.json is no JSON", "train again"));
    return file;
  }
}

/** A merged model is published only where its step has shown it to be base and adapter. */
function proveMerge({ path }: FinishedRun, wrong: Refusal[]): void {
  const file = join(dirname(path), "merge.json");
  try {
    if ((JSON.parse(readFileSync(file, "utf8")) as { readonly equal?: unknown }).equal === true) return;
  } catch {
    // Not there, or no JSON: not shown.
  }
  const message = "nothing shows that the merged model is the base with its adapter (merge.json)";
  wrong.push(refusal("merge-unproved", message, "run the experiment again, or write upload.content: adapter"));
}

type Prompt = {
  readonly files: readonly ReleaseFile[];
  readonly template: string;
  readonly messages: string | undefined;
};

/** The template as the run used it, and the messages that it makes, with a place for the text. */
function promptOf(run: FinishedRun, config: Experiment, { roots, digest }: Releasing, wrong: Refusal[]): Prompt {
  const source = config.prompt.template;
  const path = roots.map((root) => resolve(root, source)).find(existsSync);
  const template = `prompts/${basename(source)}`;
  const used = run.manifest.provenance.sources[source];
  const messages = messagesOf(run);
  const shown = messages === undefined ? [] : [textFile("prompts/messages.json", messages)];
  if (path === undefined || digest(path) !== used) {
    const message = `${source} is not the template that the run used`;
    wrong.push(refusal("template-changed", message, "restore it, or run the experiment again with it"));
    return { files: shown, template, messages: shown[0]?.path };
  }
  return {
    files: [textFile(template, readFileSync(path, "utf8")), ...shown],
    template,
    messages: shown[0]?.path,
  };
}

/** The first case's prompt without the case; undefined where it holds examples, or the text does not stand in it as it is. */
function messagesOf({ path, manifest }: FinishedRun): string | undefined {
  const folder = dirname(path);
  const { split } = manifest.config.evaluate;
  const [prompts, rows] = [join(folder, "tuned/eval.jsonl"), join(folder, `data/${split}.jsonl`)];
  if (!existsSync(prompts) || !existsSync(rows)) return undefined;
  type Shown = {
    readonly id: string;
    readonly messages: readonly { role: string; content: string }[];
    examples?: unknown;
  };
  const [first] = readJsonLines<Shown>(prompts);
  const row = readJsonLines<{ readonly id: string; readonly input: string }>(rows).find(({ id }) => id === first?.id);
  const input = row?.input.trim() ?? "";
  if (first === undefined || first.examples !== undefined || input === "") return undefined;
  if (!first.messages.some(({ content }) => content.includes(input))) return undefined;
  const open = first.messages.map(({ role, content }) => ({ role, content: content.replaceAll(input, place) }));
  return `${JSON.stringify(open, null, 1)}\n`;
}

function cardOrWhy(run: FinishedRun, wrong: Refusal[], facts: Omit<CardFacts, "run">): string | undefined {
  try {
    // Looks at the test file grow in number after the run, and a card must not.
    const card = cardOf({ ...facts, run: factsOf(run, null) });
    wrong.push(...cardProblems(card));
    return card;
  } catch (error) {
    if (!(error instanceof UserError && error.code === "file-gone")) throw error;
    wrong.push(refusal("file-gone", error.message, error.help ?? ""));
    return undefined;
  }
}
