import type { Diagnostic } from "./diagnostic.ts";

/** How a command ends on this error. main.ts maps it to the exit code: failed 1, invalid 2, refused 3. */
export type ErrorStatus = "failed" | "invalid" | "refused";

/**
 * The one error that exp throws on purpose: bad input, a refused operation, a failed step. main.ts prints it without a stack
 * trace. Any other error is a bug.
 */
export class UserError extends Error {
  /** Stable and documented in docs/reference/errors.md: "disk-full". */
  readonly code: string;
  /** What to do about it. */
  readonly help: string | undefined;
  /** Path of a log file whose last lines give the details. */
  readonly log: string | undefined;
  readonly status: ErrorStatus;
  /** What is wrong at which places of the input. If there is any, it is printed in place of the message. */
  readonly diagnostics: readonly Diagnostic[];

  constructor(
    code: string,
    message: string,
    more: {
      readonly help?: string | undefined;
      readonly log?: string | undefined;
      /** Default: failed. Wrong usage and wrong input are "invalid"; a check that found a problem is "refused". */
      readonly status?: ErrorStatus;
      readonly diagnostics?: readonly Diagnostic[];
    } = {},
  ) {
    super(message);
    this.name = "UserError";
    this.code = code;
    this.help = more.help;
    this.log = more.log;
    this.status = more.status ?? "failed";
    this.diagnostics = more.diagnostics ?? [];
  }
}
