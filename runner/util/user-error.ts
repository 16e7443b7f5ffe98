/**
 * The one error that exp throws on purpose: bad input, a refused operation, a failed step. cli.ts prints it without a stack trace.
 * Any other error is a bug.
 */
export class UserError extends Error {
  /** Stable and documented in docs/reference/errors.md: "disk-full". */
  readonly code: string;
  /** What to do about it. */
  readonly help: string | undefined;
  /** Path of a log file whose last lines give the details. */
  readonly log: string | undefined;

  constructor(code: string, message: string, more: { help?: string | undefined; log?: string | undefined } = {}) {
    super(message);
    this.name = "UserError";
    this.code = code;
    this.help = more.help;
    this.log = more.log;
  }
}
