/** What a command is given of the process. A second Ctrl-C aborts `kill`. */
export type Context = {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Folder of the exp package, with a trailing slash: where recipes/ and prompts/ lie. */
  readonly packageRoot: string;
  version(): string;
  /** Whether stdout is a terminal that can show a live view. */
  readonly tty: boolean;
  readonly color: boolean;
  readonly columns: number;
  out(text: string): void;
  err(text: string): void;
  readonly stop: AbortSignal;
  readonly kill: AbortSignal;
};

/** Exit codes that users and scripts rely on. */
export const exit = { done: 0, failed: 1, invalid: 2, refused: 3, interrupted: 130 } as const;

/** A command: positional arguments, options by their long names, and what it may touch; resolves to the exit code. */
export type Act = (
  args: readonly unknown[],
  options: Readonly<Record<string, unknown>>,
  context: Context,
) => Promise<number>;
