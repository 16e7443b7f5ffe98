import { createHash } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import type { Readable } from "node:stream";
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
import { namesBelow } from "./layout.ts";
import type { RemoteStore } from "./remote-store.ts";
import { writeVerified } from "./write-verified.ts";

/** A location in a bucket, and the signal that aborts its use. */
export type BucketLocation = {
  readonly bucket: string;
  /** Without slashes at its ends; may be empty. */
  readonly prefix: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
  /** Size of a part of a large file. Files up to this size go in one request. Bytes */
  readonly partSize?: number;
};

/** S3 allows 10,000 parts of at least 5 MiB each, except for the last. */
const defaultPartSize = 64 << 20;
const maxParts = 9_000;

/**
 * A remote store in a bucket of Amazon S3 or of a compatible server (AWS_ENDPOINT_URL). Takes credentials from where the AWS
 * tools take them. Lists the bucket once. Uploads large files in parts, and continues uploads of other processes. Methods throw
 * UserError: bucket-missing, bucket-refused, offline, bucket-error.
 */
export class BucketStore implements RemoteStore {
  readonly #location: BucketLocation;
  readonly #client: S3Client;
  /** Name -> size of every object below the prefix. */
  readonly #sizes = new Map<string, number>();

  private constructor(location: BucketLocation) {
    const { env } = location;
    const endpoint = env.AWS_ENDPOINT_URL_S3 || env.AWS_ENDPOINT_URL;
    const region = env.AWS_REGION || env.AWS_DEFAULT_REGION || (endpoint ? "us-east-1" : undefined);
    this.#location = location;
    // The library's warning about the version of Node.js would appear in the output of this command.
    process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= "true";
    this.#client = new S3Client({
      maxAttempts: 5,
      // Many compatible servers do not support the newer checksums. Each request below has its own.
      requestChecksumCalculation: "WHEN_REQUIRED",
      responseChecksumValidation: "WHEN_REQUIRED",
      ...(endpoint ? { endpoint, forcePathStyle: true } : {}),
      ...(region ? { region } : {}),
    });
  }

  /** Lists the objects below the prefix. */
  static async open(location: BucketLocation): Promise<BucketStore> {
    const bucket = new BucketStore(location);
    await bucket.#explainingErrors(async () => {
      const input = { Bucket: location.bucket, ...(location.prefix === "" ? {} : { Prefix: `${location.prefix}/` }) };
      const pages = paginateListObjectsV2({ client: bucket.#client }, input, { abortSignal: location.signal });
      for await (const { Contents = [] } of pages) {
        for (const { Key = "", Size = 0 } of Contents) bucket.#sizes.set(bucket.#nameOf(Key), Size);
      }
    });
    return bucket;
  }

  /** Whether the bucket is public, as far as the account may query that. */
  async isPublic(): Promise<boolean> {
    const query = { Bucket: this.#location.bucket };
    const answers = await Promise.allSettled([
      this.#client.send(new GetBucketAclCommand(query), this.#options),
      this.#client.send(new GetBucketPolicyStatusCommand(query), this.#options),
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
    if (this.#sizes.get(name) === file.size) return false;
    await this.#explainingErrors(async () => {
      if (file.size <= (this.#location.partSize ?? defaultPartSize)) await this.#putWhole(name, from, file);
      else await this.#putInParts(name, from, file);
    });
    this.#sizes.set(name, file.size);
    return true;
  }

  async take(name: string, to: string, file: StoredFile): Promise<boolean> {
    if (this.#sizes.get(name) !== file.size) return false;
    return this.#explainingErrors(async () => {
      const { Body } = await this.#client.send(new GetObjectCommand(this.#object(name)), this.#options);
      return writeVerified(Body as Readable, to, file, this.#location.signal);
    });
  }

  async readText(name: string): Promise<string | undefined> {
    if (!this.#sizes.has(name)) return undefined;
    return this.#explainingErrors(async () => {
      const { Body } = await this.#client.send(new GetObjectCommand(this.#object(name)), this.#options);
      return Body?.transformToString("utf8");
    });
  }

  async writeText(name: string, text: string): Promise<void> {
    const Body = Buffer.from(text);
    await this.#explainingErrors(() =>
      this.#client.send(new PutObjectCommand({ ...this.#object(name), Body }), this.#options),
    );
    this.#sizes.set(name, Body.length);
  }

  async names(folder: string): Promise<readonly string[]> {
    return namesBelow(this.#sizes.keys(), folder);
  }

  /** Nothing to do: the server has stored an object when it answers. */
  async settle(): Promise<void> {}

  async #putWhole(name: string, from: string, { sha256, size }: StoredFile): Promise<void> {
    const Body = await readPart(from, 0, size);
    // The server rejects bytes that do not match the digest.
    const ChecksumSHA256 = Buffer.from(sha256, "hex").toString("base64");
    await this.#client.send(new PutObjectCommand({ ...this.#object(name), Body, ChecksumSHA256 }), this.#options);
  }

  async #putInParts(name: string, from: string, { size }: StoredFile): Promise<void> {
    const object = this.#object(name);
    const length = Math.max(this.#location.partSize ?? defaultPartSize, Math.ceil(size / maxParts));
    const begun = await this.#unfinishedUpload(name);
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

  /** An upload of the file that an earlier process has begun, if the server lists it. */
  async #unfinishedUpload(name: string): Promise<string | undefined> {
    try {
      const { Bucket, Key } = this.#object(name);
      const query = new ListMultipartUploadsCommand({ Bucket, Prefix: Key });
      const { Uploads = [] } = await this.#client.send(query, this.#options);
      return Uploads.filter((upload) => upload.Key === Key).at(-1)?.UploadId;
    } catch (error) {
      if (error instanceof S3ServiceException && [403, 501].includes(error.$metadata.httpStatusCode ?? 0))
        return undefined;
      throw error;
    }
  }

  get #options(): { readonly abortSignal: AbortSignal } {
    return { abortSignal: this.#location.signal };
  }

  #object(name: string): { readonly Bucket: string; readonly Key: string } {
    const { bucket, prefix } = this.#location;
    return { Bucket: bucket, Key: prefix === "" ? name : `${prefix}/${name}` };
  }

  #nameOf(key: string): string {
    const { prefix } = this.#location;
    return prefix === "" ? key : key.slice(prefix.length + 1);
  }

  /** Turns errors of the library into UserErrors. */
  async #explainingErrors<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw this.#location.signal.aborted ? error : bucketError(error, this.#location.bucket);
    }
  }
}

/** The UserError for an error of the library. An error of the local disk stays as it is. */
function bucketError(error: unknown, bucket: string): unknown {
  const { name = "", message = "", code = "" } = error as { name?: string; message?: string; code?: string };
  const status = error instanceof S3ServiceException ? (error.$metadata.httpStatusCode ?? 0) : 0;
  if (name === "NoSuchBucket" || (status === 404 && name !== "NoSuchKey")) {
    return new UserError("bucket-missing", `there is no bucket ${bucket}`, {
      help: "correct the name, create the bucket, or set AWS_ENDPOINT_URL to its server",
    });
  }
  if (status === 401 || status === 403 || name === "CredentialsProviderError") {
    const why = status > 0 ? `the server answered ${status} (${name})` : "there are no credentials";
    return new UserError("bucket-refused", `${bucket}: ${why}`, {
      help: "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, to an account with access to this bucket",
    });
  }
  if (["ENOSPC", "EDQUOT", "EACCES", "EROFS", "ENOENT"].includes(code) && "syscall" in (error as object)) return error;
  if (status === 0 && (code !== "" || name === "TimeoutError" || name === "AggregateError")) {
    return new UserError("offline", `${bucket}: the connection to the server failed: ${code || name}`, {
      help: "check the network and AWS_ENDPOINT_URL, then run the same command again. It sends only what is missing",
    });
  }
  if (error instanceof UserError || !(error instanceof Error)) return error;
  return new UserError("bucket-error", `${bucket}: the server answered ${status || name}: ${message}`, {
    help: "correct what the message names, or try again later. The command sends only what is missing",
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
