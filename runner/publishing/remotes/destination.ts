import { statSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Stored } from "../../project/place.ts";
import type { Context } from "../../util/context.ts";
import { UserError } from "../../util/user-error.ts";
import { mirrorProblem } from "../mirror/mirror-option.ts";
import { DiskStore } from "./disk-store.ts";
import type { RemoteStore } from "./remote-store.ts";

/** A parsed destination of push or pull. */
type Destination =
  | { readonly kind: "folder"; readonly path: string }
  | { readonly kind: "bucket"; readonly bucket: string; readonly prefix: string }
  | { readonly kind: "dataset"; readonly repo: string };

/** Reads a destination: a folder, s3://bucket/prefix, or hf://datasets/user/name. Throws UserError (bad-destination). */
function parse(destination: string, cwd: string): Destination {
  const [, bucket, prefix = ""] = /^s3:\/\/([^/]+)(?:\/(.*))?$/.exec(destination) ?? [];
  if (bucket !== undefined) return { kind: "bucket", bucket, prefix: prefix.replace(/^\/+|(?<!\/)\/+$/g, "") };
  const [, repo] = /^hf:\/\/datasets\/([\w.-]+\/[\w.-]+)\/?$/.exec(destination) ?? [];
  if (repo !== undefined) return { kind: "dataset", repo };
  if (!destination.includes("://")) return { kind: "folder", path: resolve(cwd, destination) };
  throw new UserError("bad-destination", `"${destination}" is not a destination for runs`, {
    help: "write a folder, s3://bucket/prefix, or hf://datasets/user/name",
    status: "invalid",
  });
}

/** Opens a destination for a push. Throws UserError: bad-destination, repo-public if it is public, and those of its store. */
export async function openToPush(destination: string, project: Stored, context: Context): Promise<RemoteStore> {
  const place = parse(destination, context.cwd);
  if (place.kind === "folder") {
    const wrong = mirrorProblem(destination, project, context)?.replace("--mirror ", "");
    if (wrong !== undefined) {
      throw new UserError("bad-destination", wrong, {
        help: "name a folder on another disk whose parent folder exists",
        status: "invalid",
      });
    }
    const disk = new DiskStore(place.path, context.stop);
    await disk.create();
    return disk;
  }
  if (place.kind === "bucket") {
    const bucket = await openBucket(place, context);
    if (await bucket.isPublic()) throw isPublic(`the bucket ${place.bucket}`);
    return bucket;
  }
  const { checkAccount } = await import("../hub/account.ts");
  const hub = await openHubOf(context);
  const { DatasetStore } = await import("../hub/dataset-store.ts");
  const { hubFailure } = await import("../../hub/connection.ts");
  const [failed] = await checkAccount(hub, place.repo).catch((error: unknown) => {
    throw error instanceof UserError ? error : hubFailure(error, hub, place.repo).error;
  });
  if (failed !== undefined) throw new UserError(failed.code, failed.message, { help: failed.help });
  let opened = await DatasetStore.open(hub, place.repo);
  if (opened.private === undefined) {
    await opened.dataset.create();
    // Another process may have created it as a public one, and a server may ignore the request for a private one.
    opened = await DatasetStore.open(hub, place.repo);
  }
  if (opened.private !== true) throw isPublic(`the repository ${place.repo}`);
  return opened.dataset;
}

/** Opens a destination for a pull. Throws UserError: bad-destination, nothing-pushed, and those of its store. */
export async function openToPull(destination: string, context: Context): Promise<RemoteStore> {
  const place = parse(destination, context.cwd);
  if (place.kind === "bucket") return openBucket(place, context);
  if (place.kind === "folder") {
    if (statSync(join(place.path, "runs"), { throwIfNoEntry: false })?.isDirectory() === true) {
      return new DiskStore(place.path, context.stop);
    }
    throw nothingPushed(destination);
  }
  const hub = await openHubOf(context);
  if (hub.token === undefined) {
    throw new UserError("hub-token", "no token: HF_TOKEN is not set, and no login has stored one", {
      help: "set HF_TOKEN to a token with read access to this repository",
    });
  }
  const { DatasetStore } = await import("../hub/dataset-store.ts");
  const opened = await DatasetStore.open(hub, place.repo);
  if (opened.private === undefined) throw nothingPushed(destination);
  return opened.dataset;
}

/** The error for a destination without runs. */
export function nothingPushed(destination: string): UserError {
  return new UserError("nothing-pushed", `there are no runs at ${destination}`, {
    help: "correct the name, or push a run there with exp push",
  });
}

async function openBucket(place: Destination & { readonly kind: "bucket" }, { env, stop }: Context) {
  const { BucketStore } = await import("./bucket-store.ts");
  return BucketStore.open({ ...place, env, signal: stop });
}

async function openHubOf(context: Context) {
  const { openHub } = await import("../../hub/connection.ts");
  return openHub(context);
}

function isPublic(what: string): UserError {
  return new UserError("repo-public", `${what} is public, and runs contain rows of the data`, {
    help: "make it private, or push to another destination. Publish a model with exp upload",
    status: "refused",
  });
}
