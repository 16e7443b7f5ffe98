import { createHash } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import {
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  GetBucketAclCommand,
  GetBucketPolicyStatusCommand,
  GetObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  ListPartsCommand,
  PutObjectCommand,
  S3Client,
  S3ServiceException,
  type ServiceInputTypes,
  type ServiceOutputTypes,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import type { StoredFile } from "../../pipeline/plan/record.ts";
import { boundedStream, Deadline, transferLimits } from "../../util/bounded-fetch.ts";
import { ListingLimits } from "../../util/listing-limits.ts";
import { proxyOf } from "../../util/proxy.ts";
import { bucketError } from "./bucket-error.ts";
import { namesBelow } from "./layout.ts";
import { maxTextBytes, textTooLarge } from "./limits.ts";
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

type S3Command<Input extends ServiceInputTypes, Output extends ServiceOutputTypes> = Parameters<
  typeof S3Client.prototype.send<Input, Output>
>[0];

/** S3 allows 10,000 parts of at least 5 MiB each, except for the last. */
const defaultPartSize = 64 << 20;
const maxParts = 9_000;

/**
 * A remote store in a bucket of Amazon S3 or of a compatible server (AWS_ENDPOINT_URL). Takes credentials from where the AWS
 * tools take them. Lists the bucket once. Uploads large files in parts, and continues uploads of other processes. Methods throw
 * UserError: bucket-missing, bucket-refused, offline, bucket-error, response-too-large, listing-too-long.
 */
export class BucketStore implements RemoteStore {
  readonly #location: BucketLocation;
  readonly #client: S3Client;
  /** Name -> size of every object below the prefix. */
  readonly #sizes = new Map<string, number>();

  private constructor(location: BucketLocation, agents: Awaited<ReturnType<typeof agentsOf>>) {
    const { env } = location;
    const endpoint = endpointOf(env);
    const region = env.AWS_REGION || env.AWS_DEFAULT_REGION || (endpoint ? "us-east-1" : undefined);
    this.#location = location;
    // The library's warning about the version of Node.js would appear in the output of this command.
    process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= "true";
    this.#client = new S3Client({
      maxAttempts: 5,
      // Many compatible servers do not support the newer checksums. Each request below has its own.
      requestChecksumCalculation: "WHEN_REQUIRED",
      responseChecksumValidation: "WHEN_REQUIRED",
      requestHandler: agents,
      ...(endpoint ? { endpoint, forcePathStyle: true } : {}),
      ...(region ? { region } : {}),
    });
    this.#boundAnswers();
  }

  /** Limits the size of every answer. The library reads an answer as a whole, except for an object, which `#read` limits. */
  #boundAnswers(): void {
    const { signal, bucket } = this.#location;
    this.#client.middlewareStack.add(
      (next, { commandName }) =>
        async (args) => {
          const result = await next(args);
          const response = result.response as { body?: unknown };
          if (commandName !== "GetObjectCommand" && response.body instanceof Readable)
            response.body = boundedStream(response.body, transferLimits(maxTextBytes), signal, bucket);
          return result;
        },
      { step: "deserialize", priority: "low", name: "boundAnswers" },
    );
  }

  /** Lists the objects below the prefix. */
  static async open(location: BucketLocation): Promise<BucketStore> {
    const bucket = new BucketStore(location, await agentsOf(location));
    await bucket.#explainingErrors(async () => {
      const input = { Bucket: location.bucket, ...(location.prefix === "" ? {} : { Prefix: `${location.prefix}/` }) };
      const limits = new ListingLimits(location.bucket);
      let token: string | undefined;
      do {
        limits.page(token ?? "");
        const page = new ListObjectsV2Command({
          ...input,
          ...(token === undefined ? {} : { ContinuationToken: token }),
        });
        const { Contents = [], NextContinuationToken } = await bucket.#send(page);
        for (const { Key = "", Size = 0 } of Contents) {
          limits.entry(Key);
          bucket.#sizes.set(bucket.#nameOf(Key), Size);
        }
        token = NextContinuationToken;
      } while (token !== undefined);
    });
    return bucket;
  }

  /** Whether the bucket is public, as far as the account may query that. */
  async isPublic(): Promise<boolean> {
    const query = { Bucket: this.#location.bucket };
    const answers = await Promise.allSettled([
      this.#send(new GetBucketAclCommand(query)),
      this.#send(new GetBucketPolicyStatusCommand(query)),
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
      return writeVerified(await this.#read(name, file.size), to, file, this.#location.signal);
    });
  }

  async readText(name: string): Promise<string | undefined> {
    const size = this.#sizes.get(name);
    if (size === undefined) return undefined;
    if (size > maxTextBytes) throw textTooLarge(this.#location.bucket, name);
    return this.#explainingErrors(async () => text(await this.#read(name, size)));
  }

  async writeText(name: string, text: string): Promise<void> {
    const Body = Buffer.from(text);
    await this.#explainingErrors(() => this.#send(new PutObjectCommand({ ...this.#object(name), Body }), Body.length));
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
    await this.#send(new PutObjectCommand({ ...this.#object(name), Body, ChecksumSHA256 }), size);
  }

  async #putInParts(name: string, from: string, { size }: StoredFile): Promise<void> {
    const object = this.#object(name);
    const length = Math.max(this.#location.partSize ?? defaultPartSize, Math.ceil(size / maxParts));
    const begun = await this.#unfinishedUpload(name);
    const UploadId = begun ?? (await this.#send(new CreateMultipartUploadCommand(object))).UploadId;
    const arrived = new Map<number, string>();
    if (begun !== undefined) {
      const { Parts = [] } = await this.#send(new ListPartsCommand({ ...object, UploadId }));
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
      Parts.push({ PartNumber, ETag: (await this.#send(part, Body.length)).ETag });
    }
    const whole = { ...object, UploadId, MultipartUpload: { Parts } };
    await this.#send(new CompleteMultipartUploadCommand(whole));
  }

  /** An upload of the file that an earlier process has begun, if the server lists it. */
  async #unfinishedUpload(name: string): Promise<string | undefined> {
    try {
      const { Bucket, Key } = this.#object(name);
      const query = new ListMultipartUploadsCommand({ Bucket, Prefix: Key });
      const { Uploads = [] } = await this.#send(query);
      return Uploads.filter((upload) => upload.Key === Key).at(-1)?.UploadId;
    } catch (error) {
      if (error instanceof S3ServiceException && [403, 501].includes(error.$metadata.httpStatusCode ?? 0))
        return undefined;
      throw error;
    }
  }

  /** Sends a command that transfers this number of bytes, with a limit on the time of all attempts together. */
  async #send<Input extends ServiceInputTypes, Output extends ServiceOutputTypes>(
    command: S3Command<Input, Output>,
    bytes = 0,
  ): Promise<Output> {
    const { signal, bucket } = this.#location;
    const deadline = new Deadline(transferLimits(bytes).time, [signal], bucket);
    try {
      return await deadline.wait(this.#client.send(command, { abortSignal: deadline.signal }));
    } finally {
      deadline.end();
    }
  }

  /** The content of an object of this size, as a stream. */
  async #read(name: string, size: number): Promise<Readable> {
    const { signal, bucket } = this.#location;
    const { Body } = await this.#send(new GetObjectCommand(this.#object(name)), size);
    return boundedStream(Body as Readable, transferLimits(size), signal, bucket);
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

function endpointOf(env: BucketLocation["env"]): string | undefined {
  return env.AWS_ENDPOINT_URL_S3 || env.AWS_ENDPOINT_URL || undefined;
}

/** Connections through the user's proxy, if there is one. */
async function agentsOf({ env, bucket }: BucketLocation) {
  const proxy = proxyOf(endpointOf(env) ?? `https://${bucket}.s3.amazonaws.com`, env);
  if (proxy === undefined) return {};
  const [{ HttpProxyAgent }, { HttpsProxyAgent }] = await Promise.all([
    import("http-proxy-agent"),
    import("https-proxy-agent"),
  ]);
  const options = { keepAlive: true };
  return { httpAgent: new HttpProxyAgent(proxy, options), httpsAgent: new HttpsProxyAgent(proxy, options) };
}
