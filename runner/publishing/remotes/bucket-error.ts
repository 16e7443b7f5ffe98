import { S3ServiceException } from "@aws-sdk/client-s3";
import { UserError } from "../../util/user-error.ts";

/** The UserError for an error of the library. An error of the local disk stays as it is. */
export function bucketError(error: unknown, bucket: string): unknown {
  // The library adds a hint to the messages of errors that a stream throws.
  if (error instanceof UserError) return new UserError(error.code, error.message.split("\n")[0] as string, error);
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
  if (!(error instanceof Error)) return error;
  return new UserError("bucket-error", `${bucket}: the server answered ${status || name}: ${message.split("\n")[0]}`, {
    help: "correct what the message names, or try again later. The command sends only what is missing",
  });
}
