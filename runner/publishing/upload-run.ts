import { homedir } from "node:os";
import type { UploadEvent } from "../execution/event.ts";
import { redactor } from "../execution/redact.ts";
import { type Hub, hubFailure, openHub } from "../hub/connection.ts";
import { huggingFaceCache } from "../hub/places.ts";
import type { Experiment } from "../plugins/experiment.ts";
import type { Project } from "../project/project.ts";
import type { FinishedRun } from "../runs/finished-runs.ts";
import { malformedPart, unprovedField } from "../runs/intact-run.ts";
import { recordUpload } from "../runs/upload-record.ts";
import { type Context, exit } from "../util/context.ts";
import { UserError } from "../util/user-error.ts";
import { checkAccount } from "./hub/account.ts";
import { changedFiles, checkRepository, type Repository, readRepository } from "./hub/repository.ts";
import { uploadRelease } from "./hub/upload-release.ts";
import { prepareDatasetRelease } from "./release/dataset-release.ts";
import { type PreparedRelease, prepareModelRelease } from "./release/model-release.ts";
import { type FailedCheck, failedCheck, type Release } from "./release/release.ts";

/** The result of one upload. */
export type UploadResult = {
  readonly status: UploadEvent["status"];
  readonly experiment: string;
  readonly run: string;
  readonly repo: string;
  readonly url: string;
  readonly private: boolean;
  readonly commit: string | null;
  /** Every file of the release, and whether it was sent or, in a dry run, would be. */
  readonly files: readonly {
    readonly path: string;
    readonly sha256: string;
    readonly size: number;
    readonly sent: boolean;
  }[];
  /** Failed checks; none if the upload succeeded. */
  readonly reasons: readonly FailedCheck[];
  /** Codes of the checks that a dry run could not make without a token or the hub. */
  readonly unchecked: readonly string[];
  readonly card: string | null;
  /** Path of the run's upload record. */
  readonly record: string | null;
};

type Upload = NonNullable<Experiment["upload"]>;

const exitOfOne = ({ status }: UploadResult): number =>
  status === "refused" ? exit.refused : status === "failed" ? exit.failed : exit.done;

/** The exit code of a run's uploads. A failure, which may be transient, takes precedence over a failed check. */
export function exitOf(results: readonly UploadResult[]): number {
  const codes = results.map(exitOfOne);
  return codes.find((code) => code === exit.failed) ?? codes.find((code) => code !== exit.done) ?? exit.done;
}

type UploadOptions = {
  readonly dryRun: boolean;
  /** Called with messages about progress. */
  notify(message: string): void;
};

/** The checks that need a token and the hub. */
const hubChecks = ["hub-token", "repo-public", "repo-occupied"] as const;

type UploadContext = { readonly project: Pick<Project, "root" | "digests">; readonly context: Context };

/**
 * Uploads the model of a finished run, then its predictions if the experiment names a repository for them. A dry run also takes
 * a run that cannot be uploaded.
 */
export async function uploadRun(
  run: FinishedRun,
  options: UploadOptions,
  context: UploadContext,
): Promise<readonly [UploadResult, ...UploadResult[]]> {
  const model = await uploadOne(run, prepareModelRelease, options, context);
  if (run.manifest.config.upload?.predictions === undefined) return [model];
  return [model, await uploadOne(run, prepareDatasetRelease, options, context)];
}

/** Runs every check, sends what the repository lacks, and checks the repository afterwards. */
async function uploadOne(
  run: FinishedRun,
  prepare: typeof prepareModelRelease,
  { dryRun, notify }: UploadOptions,
  { project, context }: UploadContext,
): Promise<UploadResult> {
  const upload = run.manifest.config.upload ?? standIn(run);
  const hub = openHub(context);
  const redact = redactor(context.env as NodeJS.ProcessEnv);
  const { release, failed: failedHere } = await preparedIfWhole(run, () =>
    prepare(run, upload, {
      roots: [project.root, context.packageRoot],
      cache: huggingFaceCache(context.env),
      digest: (path) => project.digests.of(path),
      own: [project.root, context.env.HOME || homedir()],
      redact,
    }),
  );
  const undeclared = uploadUndeclared(run);
  const failed = [...(undeclared === undefined ? [] : [undeclared]), ...failedHere];
  const result = emptyResult(run, upload, release, hub);
  const hasModel = !failed.some(({ code }) => code === "no-model");
  if (release === undefined || (!hasModel && !dryRun)) return { ...result, status: "refused", reasons: failed };
  try {
    const { repository, failed: failedOnHub, unchecked } = await checkOnHub(hub, release, dryRun);
    const reasons = [...failed, ...failedOnHub];
    const changed = new Set(changedFiles(repository, release).map(({ path }) => path));
    const planned = result.files.map((file) => ({ ...file, sent: changed.has(file.path) }));
    const checked = { ...result, files: planned, unchecked };
    if (reasons.length > 0) return { ...checked, status: "refused", reasons };
    if (dryRun) return { ...checked, status: changed.size > 0 ? "would-upload" : "unchanged" };
    const { commit, sent } = await uploadRelease(release, hub, (message) => notify(redact(message)));
    const files = result.files.map((file) => ({ ...file, sent: sent.includes(file.path) }));
    const { repo, url } = result;
    const record = recordUpload(run, {
      ...{ type: release.type, repo, url, private: result.private, commit, at: new Date().toISOString() },
      files: Object.fromEntries(files.map(({ path, ...file }) => [path, file])),
    });
    return { ...result, files, commit, record, status: sent.length > 0 ? "uploaded" : "unchanged" };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    const failure = failedCheck(error.code, redact(error.message), error.help ?? "");
    return { ...result, status: failed.length > 0 ? "refused" : "failed", reasons: [...failed, failure] };
  }
}

/** Prepares a release if the result files can be read, and checks that they prove the numbers of the manifest. */
async function preparedIfWhole(run: FinishedRun, prepare: () => Promise<PreparedRelease>): Promise<PreparedRelease> {
  const damage = (what: string): FailedCheck =>
    failedCheck("run-damaged", what, `exp verify lists all damage. Run ${run.manifest.file} again`);
  const malformed = malformedPart(run);
  if (malformed !== undefined) return { release: undefined, failed: [damage(malformed)] };
  const prepared = await prepare();
  const unproved = unprovedField(run);
  // If a file differs from the manifest, its numbers do too.
  if (unproved === undefined || prepared.failed.some(({ code }) => code === "file-altered")) return prepared;
  return { ...prepared, failed: [...prepared.failed, damage(`${unproved} of the manifest differs from the files`)] };
}

type HubState = {
  readonly repository: Repository | undefined;
  readonly failed: readonly FailedCheck[];
  readonly unchecked: UploadResult["unchecked"];
};

/**
 * Checks the account, reads the repository and checks it. A dry run without a token or a connection checks nothing. Throws
 * UserError if the hub cannot be reached.
 */
async function checkOnHub(hub: Hub, release: Release, dryRun: boolean): Promise<HubState> {
  const nothing = { repository: undefined, failed: [], unchecked: hubChecks };
  if (dryRun && hub.token === undefined) return nothing;
  try {
    const failed = await checkAccount(hub, release.repo);
    if (failed.length > 0) return { repository: undefined, failed, unchecked: [] };
    const repository = await readRepository(hub, release);
    return { repository, failed: checkRepository(repository, release), unchecked: [] };
  } catch (error) {
    const failure = error instanceof UserError ? error : hubFailure(error, hub, release.repo).error;
    if (dryRun && failure.code === "offline") return nothing;
    throw failure;
  }
}

/** The reason why the experiment of a run permits no upload; undefined if it permits one. */
export function uploadUndeclared({ manifest }: FinishedRun): FailedCheck | undefined {
  const { experiment, run, file, smoke, config } = manifest;
  if (config.upload !== undefined) return undefined;
  const reason = smoke ? "it is a smoke run, whose metrics have no meaning" : `${file} has no upload section`;
  const help = smoke
    ? "run the experiment without --smoke"
    : "add upload: {repo: owner/name, base_license: …} and run it again: every step is cached";
  return failedCheck("no-upload", `cannot upload ${experiment} ${run}: ${reason}`, help);
}

/** What a dry run shows in place of an upload section. */
function standIn({ manifest }: FinishedRun): Upload {
  return {
    repo: `owner/${manifest.experiment.replaceAll(/[^A-Za-z0-9._]+/g, "-")}`,
    private: true,
    content: "adapter",
  };
}

function emptyResult({ manifest }: FinishedRun, upload: Upload, release: Release | undefined, hub: Hub): UploadResult {
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
    unchecked: [],
    card: card !== undefined && "text" in card ? card.text : null,
    record: null,
  };
}

/** The event that reporters receive for a result. */
export function eventOf({ experiment, run, files, reasons, ...result }: UploadResult): UploadEvent {
  const sent = files.filter((file) => file.sent);
  const { status, repo, url, commit } = result;
  return {
    type: "upload",
    run: `${experiment}/${run}`,
    ...{ status, repo, url, private: result.private, commit, reasons },
    files: files.length,
    sent: sent.length,
    bytes: sent.reduce((sum, { size }) => sum + size, 0),
  };
}
