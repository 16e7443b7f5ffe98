import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { type FileHandle, mkdir, open, rm } from "node:fs/promises";
import { dirname } from "node:path";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import {
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  GetBucketAclCommand,
  GetBucketPolicyStatusCommand,
  GetObjectCommand,
  ListMultipartUploadsCommand,
  ListPartsCommand,
  PutObjectCommand,
  paginateListObjectsV2,
  S3Client,
  S3ServiceException,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import type { StoredFile } from "../../pipeline/plan/record.ts";
import { UserError } from "../../util/user-error.ts";
import type { RemoteStore } from "./remote-store.ts";

/** Where a bucket is, and what may end its use. */
export type BucketPlace = {
  readonly bucket: string;
  /** Without slashes at its ends; may be empty. */
  readonly prefix: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
  /** Bytes of a part of a large file; files up to this size go in one request. */
  readonly partSize?: number;
};

/** Amazon's own limit is 10,000 parts, and 5 MiB for the smallest but the last. */
const usualPart = 64 << 20;
const mostParts = 9_000;

/**
 * A bucket of Amazon S3 or of a server that speaks the same (AWS_ENDPOINT_URL), with the credentials that its own tools would
 * find. What is there is listed once. A large file goes in parts, and those that have arrived are not sent again, by
 * whichever process they were sent. Calls throw UserError: bucket-missing, bucket-refused, offline, bucket-error.
 */
export class Bucket implements RemoteStore {
  readonly #place: BucketPlace;
  readonly #client: S3Client;
  /** Name -> size of all that lies there. */
  readonly #there = new Map<string, number>();

  private constructor(place: BucketPlace) {
    const { env } = place;
    const endpoint = env.AWS_ENDPOINT_URL_S3 || env.AWS_ENDPOINT_URL;
    const region = env.AWS_REGION || env.AWS_DEFAULT_REGION || (endpoint ? "us-east-1" : undefined);
    this.#place = place;
    // The library's advice about Node.js is for those who choose its version, and would stand among this command's own words.
    process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= "true";
    this.#client = new S3Client({
      maxAttempts: 5,
      // Servers that are not Amazon's often do not know the newer checksums; each object's own is sent below.
      requestChecksumCalculation: "WHEN_REQUIRED",
      responseChecksumValidation: "WHEN_REQUIRED",
      ...(endpoint ? { endpoint, forcePathStyle: true } : {}),
      ...(region ? { region } : {}),
    });
  }

  /** Lists what lies in the bucket under the prefix. */
  static async open(place: BucketPlace): Promise<Bucket> {
    const bucket = new Bucket(place);
    await bucket.#told(async () => {
      const input = { Bucket: place.bucket, ...(place.prefix === "" ? {} : { Prefix: `${place.prefix}/` }) };
      const pages = paginateListObjectsV2({ client: bucket.#client }, input, { abortSignal: place.signal });
      for await (const { Contents = [] } of pages) {
        for (const { Key = "", Size = 0 } of Contents) bucket.#there.set(bucket.#nameOf(Key), Size);
      }
    });
    return bucket;
  }

  /** Whether everybody may read it, as far as the user may ask and the server can tell. */
  async isPublic(): Promise<boolean> {
    const asked = { Bucket: this.#place.bucket };
    const answers = await Promise.allSettled([
      this.#client.send(new GetBucketAclCommand(asked), this.#options),
      this.#client.send(new GetBucketPolicyStatusCommand(asked), this.#options),
    ]);
    const [acl, policy] = answers;
    const grants = acl.status === "fulfilled" ? (acl.value.Grants ?? []) : [];
    const everybody = /\/groups\/global\/(AllUsers|AuthenticatedUsers)$/;
    return (
      grants.some(({ Grantee }) => everybody.test(Grantee?.URI ?? "")) ||
      (policy.status === "fulfilled" && policy.value.PolicyStatus?.IsPublic === true)
    );
  }

  async put(name: string, from: string, file: StoredFile): Promise<boolean> {
    if (this.#there.get(name) === file.size) return false;
    await this.#told(async () => {
      if (file.size <= (this.#place.partSize ?? usualPart)) await this.#putWhole(name, from, file);
      else await this.#putInParts(name, from, file);
    });
    this.#there.set(name, file.size);
    return true;
  }

  async take(name: string, to: string, file: StoredFile): Promise<boolean> {
    if (this.#there.get(name) !== file.size) return false;
    await mkdir(dirname(to), { recursive: true });
    const hash = createHash("sha256");
    try {
      await this.#told(async () => {
        const { Body } = await this.#client.send(new GetObjectCommand(this.#object(name)), this.#options);
        const counted = async function* (source: AsyncIterable<Buffer>) {
          for await (const chunk of source) {
            hash.update(chunk);
            yield chunk;
          }
        };
        await pipeline(Body as Readable, counted, createWriteStream(to, { flush: true }), {
          signal: this.#place.signal,
        });
      });
      if (hash.digest("hex") === file.sha256) return true;
    } catch (error) {
      await rm(to, { force: true });
      throw error;
    }
    await rm(to, { force: true });
    return false;
  }

  async readText(name: string): Promise<string | undefined> {
    if (!this.#there.has(name)) return undefined;
    return this.#told(async () => {
      const { Body } = await this.#client.send(new GetObjectCommand(this.#object(name)), this.#options);
      return Body?.transformToString("utf8");
    });
  }

  async writeText(name: string, text: string): Promise<void> {
    const Body = Buffer.from(text);
    await this.#told(() => this.#client.send(new PutObjectCommand({ ...this.#object(name), Body }), this.#options));
    this.#there.set(name, Body.length);
  }

  async names(folder: string): Promise<readonly string[]> {
    const inside = [...this.#there.keys()].filter((name) => name.startsWith(`${folder}/`));
    return [...new Set(inside.map((name) => name.slice(folder.length + 1).split("/", 1)[0] as string))];
  }

  /** An answer of the server says that what was sent is there. */
  async settle(): Promise<void> {}

  async #putWhole(name: string, from: string, { sha256, size }: StoredFile): Promise<void> {
    const Body = await readPart(from, 0, size);
    // The server refuses other bytes than those of the digest.
    const ChecksumSHA256 = Buffer.from(sha256, "hex").toString("base64");
    await this.#client.send(new PutObjectCommand({ ...this.#object(name), Body, ChecksumSHA256 }), this.#options);
  }

  async #putInParts(name: string, from: string, { size }: StoredFile): Promise<void> {
    const object = this.#object(name);
    const length = Math.max(this.#place.partSize ?? usualPart, Math.ceil(size / mostParts));
    const begun = await this.#begun(name);
    const UploadId =
      begun ?? (await this.#client.send(new CreateMultipartUploadCommand(object), this.#options)).UploadId;
    const arrived = new Map<number, string>();
    if (begun !== undefined) {
      const { Parts = [] } = await this.#client.send(new ListPartsCommand({ ...object, UploadId }), this.#options);
      for (const { PartNumber = 0, ETag = "" } of Parts) arrived.set(PartNumber, ETag);
    }
    const Parts: { readonly PartNumber: number; readonly ETag: string | undefined }[] = [];
    for (let start = 0; start < size; start += length) {
      const PartNumber = Parts.length + 1;
      const Body = await readPart(from, start, Math.min(length, size - start));
      const md5 = createHash("md5").update(Body).digest();
      const before = arrived.get(PartNumber);
      if (before?.replaceAll('"', "") === md5.toString("hex")) {
        Parts.push({ PartNumber, ETag: before });
        continue;
      }
      const ContentMD5 = md5.toString("base64");
      const part = new UploadPartCommand({ ...object, UploadId, PartNumber, Body, ContentMD5 });
      Parts.push({ PartNumber, ETag: (await this.#client.send(part, this.#options)).ETag });
    }
    const whole = { ...object, UploadId, MultipartUpload: { Parts } };
    await this.#client.send(new CompleteMultipartUploadCommand(whole), this.#options);
  }

  /** The upload of a file that an earlier process has begun, if the server tells. */
  async #begun(name: string): Promise<string | undefined> {
    try {
      const { Bucket, Key } = this.#object(name);
      const asked = new ListMultipartUploadsCommand({ Bucket, Prefix: Key });
      const { Uploads = [] } = await this.#client.send(asked, this.#options);
      return Uploads.filter((upload) => upload.Key === Key).at(-1)?.UploadId;
    } catch (error) {
      if (error instanceof S3ServiceException && [403, 501].includes(error.$metadata.httpStatusCode ?? 0))
        return undefined;
      throw error;
    }
  }

  get #options(): { readonly abortSignal: AbortSignal } {
    return { abortSignal: this.#place.signal };
  }

  #object(name: string): { readonly Bucket: string; readonly Key: string } {
    const { bucket, prefix } = this.#place;
    return { Bucket: bucket, Key: prefix === "" ? name : `${prefix}/${name}` };
  }

  #nameOf(key: string): string {
    const { prefix } = this.#place;
    return prefix === "" ? key : key.slice(prefix.length + 1);
  }

  /** Says what a call met with, in words of this command's user. */
  async #told<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw this.#place.signal.aborted ? error : troubleOf(error, this.#place.bucket);
    }
  }
}

/** What went wrong with a bucket; an error of this machine's disk stays as it is. */
function troubleOf(error: unknown, bucket: string): unknown {
  const { name = "", message = "", code = "" } = error as { name?: string; message?: string; code?: string };
  const status = error instanceof S3ServiceException ? (error.$metadata.httpStatusCode ?? 0) : 0;
  if (name === "NoSuchBucket" || (status === 404 && name !== "NoSuchKey")) {
    return new UserError("bucket-missing", `there is no bucket ${bucket}`, {
      help: "correct its name, make it, or set AWS_ENDPOINT_URL to the server that has it",
    });
  }
  if (status === 401 || status === 403 || name === "CredentialsProviderError") {
    const why = status > 0 ? `the server answered ${status} (${name})` : "there are no credentials";
    return new UserError("bucket-refused", `${bucket}: ${why}`, {
      help: "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, to an account that may use this bucket",
    });
  }
  if (["ENOSPC", "EDQUOT", "EACCES", "EROFS", "ENOENT"].includes(code) && "syscall" in (error as object)) return error;
  if (status === 0 && (code !== "" || name === "TimeoutError" || name === "AggregateError")) {
    return new UserError("offline", `${bucket}: the server cannot be reached, or broke off: ${code || name}`, {
      help: "see to the network and AWS_ENDPOINT_URL, then run the same command again: what has arrived is not sent again",
    });
  }
  if (error instanceof UserError || !(error instanceof Error)) return error;
  return new UserError("bucket-error", `${bucket}: the server answered ${status || name}: ${message}`, {
    help: "correct what it complains about, or try again later: what has arrived is not sent again",
  });
}

async function readPart(path: string, from: number, length: number): Promise<Buffer> {
  const handle: FileHandle = await open(path, "r");
  try {
    const bytes = Buffer.allocUnsafeSlow(length);
    let done = 0;
    while (done < length) {
      const { bytesRead } = await handle.read(bytes, done, length - done, from + done);
      if (bytesRead === 0) break;
      done += bytesRead;
    }
    return bytes.subarray(0, done);
  } finally {
    await handle.close();
  }
}
