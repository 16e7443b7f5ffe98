/** What a command may touch of the process. A first SIGINT aborts `stop`, a second one `kill`. */
export type Context = {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Folder of the exp package, which holds recipes/, with a trailing slash. */
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
