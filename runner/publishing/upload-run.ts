import { homedir } from "node:os";
import type { Experiment } from "../config/schema.ts";
import type { UploadEvent } from "../execution/event.ts";
import { redactor } from "../execution/redact.ts";
import type { Project } from "../project/project.ts";
import type { FinishedRun } from "../runs/finished-runs.ts";
import { recordUpload } from "../runs/upload-record.ts";
import { type Context, exit } from "../util/context.ts";
import { UserError } from "../util/user-error.ts";
import { accountRefusals } from "./hub/account.ts";
import { type Hub, openHub, troubleOf } from "./hub/connection.ts";
import { changedIn, lookAt, type Repository, repositoryRefusals } from "./hub/repository.ts";
import { publish } from "./hub/upload-release.ts";
import { preparePredictions } from "./release/dataset-release.ts";
import { prepareRelease } from "./release/model-release.ts";
import { type Refusal, type Release, refusal } from "./release/release.ts";

/** How an upload ended, and what of it there is to tell. */
export type Ending = {
  readonly status: UploadEvent["status"];
  readonly experiment: string;
  readonly run: string;
  readonly repo: string;
  readonly url: string;
  readonly private: boolean;
  readonly commit: string | null;
  /** Every file of the release, and whether it was, or would be, sent. */
  readonly files: readonly {
    readonly path: string;
    readonly sha256: string;
    readonly size: number;
    readonly sent: boolean;
  }[];
  /** Why nothing was uploaded. */
  readonly reasons: readonly Refusal[];
  readonly card: string | null;
  /** Where it was written down. */
  readonly record: string | null;
};

type Upload = NonNullable<Experiment["upload"]>;

/** Exit code of an upload that ended so. */
const exitOfOne = ({ status }: Ending): number =>
  status === "refused" ? exit.refused : status === "failed" ? exit.failed : exit.done;

/** Exit code of a run's uploads: a failure, which may pass, before what the gate refused. */
export function exitOf(endings: readonly Ending[]): number {
  const codes = endings.map(exitOfOne);
  return codes.find((code) => code === exit.failed) ?? codes.find((code) => code !== exit.done) ?? exit.done;
}

type Publishing = {
  readonly dryRun: boolean;
  tell(message: string): void;
};

type World = { readonly project: Pick<Project, "root" | "digests">; readonly context: Context };

/** Publishes what a finished run's experiment asks for: its model, and after it its answers where they have a repository too. */
export async function publishRun(
  run: FinishedRun,
  how: Publishing,
  world: World,
): Promise<readonly [Ending, ...Ending[]]> {
  const model = await publishOne(run, prepareRelease, how, world);
  const { predictions } = run.manifest.config.upload as Upload;
  return predictions === undefined ? [model] : [model, await publishOne(run, preparePredictions, how, world)];
}

/** Every gate first, then what the repository lacks, then a look whether it is there. */
async function publishOne(
  run: FinishedRun,
  prepare: typeof prepareRelease,
  { dryRun, tell }: Publishing,
  { project, context }: World,
): Promise<Ending> {
  const upload = run.manifest.config.upload as Upload;
  const hub = openHub(context);
  const redact = redactor(context.env as NodeJS.ProcessEnv);
  const { release, refusals } = prepare(run, upload, {
    roots: [project.root, context.packageRoot],
    digest: (path) => project.digests.of(path),
    own: [project.root, context.env.HOME || homedir()],
    redact,
  });
  const ending = endingOf(run, upload, release, hub);
  if (release === undefined) return { ...ending, status: "refused", reasons: refusals };
  try {
    const { found, wrong } = await ask(hub, release);
    const reasons = [...refusals, ...wrong];
    const changed = new Set(changedIn(found, release).map(({ path }) => path));
    const planned = ending.files.map((file) => ({ ...file, sent: changed.has(file.path) }));
    if (reasons.length > 0) return { ...ending, files: planned, status: "refused", reasons };
    if (dryRun) return { ...ending, files: planned, status: changed.size > 0 ? "would-upload" : "unchanged" };
    const { commit, sent } = await publish(release, hub, (message) => tell(redact(message)));
    const files = ending.files.map((file) => ({ ...file, sent: sent.includes(file.path) }));
    const record = recordUpload(run, {
      ...{
        type: release.type,
        repo: ending.repo,
        url: ending.url,
        private: ending.private,
        commit,
        at: new Date().toISOString(),
      },
      files: Object.fromEntries(files.map(({ path, ...file }) => [path, file])),
    });
    return { ...ending, files, commit, record, status: sent.length > 0 ? "uploaded" : "unchanged" };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    const trouble = refusal(error.code, redact(error.message), error.help ?? "");
    return { ...ending, status: refusals.length > 0 ? "refused" : "failed", reasons: [...refusals, trouble] };
  }
}

/** What the hub has against the upload, and how the repository stands there. Throws UserError where it cannot be asked. */
async function ask(
  hub: Hub,
  release: Release,
): Promise<{ readonly found: Repository | undefined; readonly wrong: readonly Refusal[] }> {
  try {
    const wrong = await accountRefusals(hub, release.repo);
    if (wrong.length > 0) return { found: undefined, wrong };
    const found = await lookAt(hub, release);
    return { found, wrong: repositoryRefusals(found, release) };
  } catch (error) {
    throw error instanceof UserError ? error : troubleOf(error, hub, release.repo).failure;
  }
}

function endingOf({ manifest }: FinishedRun, upload: Upload, release: Release | undefined, hub: Hub): Ending {
  const card = release?.files.find(({ path }) => path === "README.md")?.content;
  return {
    status: "failed",
    experiment: manifest.experiment,
    run: manifest.run,
    repo: release?.repo ?? upload.repo,
    url: `${hub.url}/${release?.type === "dataset" ? "datasets/" : ""}${release?.repo ?? upload.repo}`,
    private: upload.private,
    commit: null,
    files: (release?.files ?? []).map(({ path, sha256, size }) => ({ path, sha256, size, sent: false })),
    reasons: [],
    card: card !== undefined && "text" in card ? card.text : null,
    record: null,
  };
}

/** The same for a reporter. */
export function eventOf({ experiment, run, files, reasons, ...ending }: Ending): UploadEvent {
  const sent = files.filter((file) => file.sent);
  const { status, repo, url, commit } = ending;
  return {
    type: "upload",
    run: `${experiment}/${run}`,
    ...{ status, repo, url, private: ending.private, commit, reasons },
    files: files.length,
    sent: sent.length,
    bytes: sent.reduce((sum, { size }) => sum + size, 0),
  };
}
