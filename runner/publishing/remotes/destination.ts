import { statSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Stored } from "../../project/place.ts";
import type { Context } from "../../util/context.ts";
import { UserError } from "../../util/user-error.ts";
import { wrongMirror } from "../mirror/mirror-option.ts";
import { Disk } from "./disk-store.ts";
import type { RemoteStore } from "./remote-store.ts";

/** A place that runs are pushed to or pulled from. */
type Place =
  | { readonly kind: "folder"; readonly path: string }
  | { readonly kind: "bucket"; readonly bucket: string; readonly prefix: string }
  | { readonly kind: "dataset"; readonly repo: string };

/** Reads a destination: a folder, s3://bucket/prefix, or hf://datasets/user/name. Throws UserError (bad-destination). */
function parse(destination: string, cwd: string): Place {
  const [, bucket, prefix = ""] = /^s3:\/\/([^/]+)(?:\/(.*))?$/.exec(destination) ?? [];
  if (bucket !== undefined) return { kind: "bucket", bucket, prefix: prefix.replace(/^\/+|\/+$/g, "") };
  const [, repo] = /^hf:\/\/datasets\/([\w.-]+\/[\w.-]+)\/?$/.exec(destination) ?? [];
  if (repo !== undefined) return { kind: "dataset", repo };
  if (!destination.includes("://")) return { kind: "folder", path: resolve(cwd, destination) };
  throw new UserError("bad-destination", `"${destination}" is no place for runs`, {
    help: "write a folder, s3://bucket/prefix, or hf://datasets/user/name",
    status: "invalid",
  });
}

/**
 * Opens a destination to write there. Throws UserError: bad-destination, repo-public where anybody could read what is pushed,
 * and what the place itself has against it.
 */
export async function openToPush(destination: string, project: Stored, context: Context): Promise<RemoteStore> {
  const place = parse(destination, context.cwd);
  if (place.kind === "folder") {
    const wrong = wrongMirror(destination, project, context)?.replace("--mirror ", "");
    if (wrong !== undefined) {
      throw new UserError("bad-destination", wrong, {
        help: "name a folder on another disk, whose parent folder exists",
        status: "invalid",
      });
    }
    const disk = new Disk(place.path, context.stop);
    await disk.create();
    return disk;
  }
  if (place.kind === "bucket") {
    const bucket = await openBucket(place, context);
    if (await bucket.isPublic()) throw isPublic(`the bucket ${place.bucket}`);
    return bucket;
  }
  const { accountRefusals } = await import("../hub/account.ts");
  const hub = await openHubOf(context);
  const { Dataset } = await import("../hub/dataset-store.ts");
  const { troubleOf } = await import("../hub/connection.ts");
  const [refusal] = await accountRefusals(hub, place.repo).catch((error: unknown) => {
    throw error instanceof UserError ? error : troubleOf(error, hub, place.repo).failure;
  });
  if (refusal !== undefined) throw new UserError(refusal.code, refusal.message, { help: refusal.help });
  const opened = await Dataset.open(hub, place.repo);
  if (opened.private === false) throw isPublic(`the repository ${place.repo}`);
  if (opened.private === undefined) await opened.dataset.create();
  return opened.dataset;
}

/** Opens a destination to read there. Throws UserError: bad-destination, nothing-pushed, and what the place itself says. */
export async function openToPull(destination: string, context: Context): Promise<RemoteStore> {
  const place = parse(destination, context.cwd);
  if (place.kind === "bucket") return openBucket(place, context);
  if (place.kind === "folder") {
    if (statSync(join(place.path, "runs"), { throwIfNoEntry: false })?.isDirectory() === true) {
      return new Disk(place.path, context.stop);
    }
    throw nothingPushed(destination);
  }
  const hub = await openHubOf(context);
  if (hub.token === undefined) {
    throw new UserError("hub-token", "there is no token in HF_TOKEN, nor in the file that a login writes", {
      help: "set HF_TOKEN to a token of the hub that may read this repository",
    });
  }
  const { Dataset } = await import("../hub/dataset-store.ts");
  const opened = await Dataset.open(hub, place.repo);
  if (opened.private === undefined) throw nothingPushed(destination);
  return opened.dataset;
}

/** No run was ever pushed to a place. */
export function nothingPushed(destination: string): UserError {
  return new UserError("nothing-pushed", `there are no runs at ${destination}`, {
    help: "correct its name, or push a run there with exp push",
  });
}

async function openBucket(place: Place & { readonly kind: "bucket" }, { env, stop }: Context) {
  const { Bucket } = await import("./bucket-store.ts");
  return Bucket.open({ ...place, env, signal: stop });
}

async function openHubOf(context: Context) {
  const { openHub } = await import("../hub/connection.ts");
  return openHub(context);
}

function isPublic(what: string): UserError {
  return new UserError("repo-public", `anybody can read ${what}, and runs hold rows of the data`, {
    help: "make it private, or push to another place; exp upload publishes a model for others",
    status: "refused",
  });
}
