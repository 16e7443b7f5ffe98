import {
  DefaultRenderer,
  isUnicodeSupported,
  Listr,
  type ListrContext,
  type ListrTaskObject,
  ListrTaskState,
  type ListrTaskWrapper,
  Spinner,
} from "listr2";
import type { Event } from "../execute/event.ts";
import { type Board, endedRow } from "./board.ts";
import { glyphs } from "./progress.ts";
import type { Screen } from "./reporter.ts";

const mostRows = 20;
/** Drawing takes time from training on machines with few cores. ms */
const betweenFrames = 200;

/** listr2 draws on every change of every task; this draws a frame at a time. */
class Paced extends DefaultRenderer {
  #last = 0;

  override update(): void {
    const now = Date.now();
    if (now - this.#last < betweenFrames / 2) return;
    this.#last = now;
    super.update();
  }
}

class SlowSpinner extends Spinner {
  override start(draw?: () => void): void {
    super.start(draw, betweenFrames);
  }
}

type Task = ListrTaskObject<ListrContext, typeof Paced, typeof Paced>;
type Wrapper = ListrTaskWrapper<ListrContext, typeof Paced, typeof Paced>;
type Row = { readonly task: Task; readonly end: (state: ListrTaskState, title: string) => void };

/**
 * The live view of a run: one listr2 task for the runs and one for each step that runs, which awaits it. When the screen
 * is full, steps that were built leave it, oldest first, and steps that start wait for a row.
 */
export class LiveView {
  readonly #screen: Screen;
  readonly #board: Board;
  readonly #listr: Listr<ListrContext, typeof Paced, typeof Paced>;
  readonly #done: Promise<unknown>;
  readonly #rows = new Map<string, Row>();
  readonly #waiting = new Set<string>();
  readonly #ticker: NodeJS.Timeout;
  readonly #opened: Promise<Wrapper>;
  #close!: () => void;

  constructor(board: Board, screen: Screen) {
    this.#board = board;
    this.#screen = screen;
    let open!: (wrapper: Wrapper) => void;
    this.#opened = new Promise((resolve) => {
      open = resolve;
    });
    const closed = new Promise<void>((resolve) => {
      this.#close = resolve;
    });
    this.#listr = new Listr<ListrContext, typeof Paced, typeof Paced>(
      {
        title: this.#head(),
        task: (_, wrapper) => {
          open(wrapper);
          return closed;
        },
      },
      {
        concurrent: true,
        exitOnError: false,
        registerSignalListeners: false,
        renderer: Paced,
        rendererOptions: { formatOutput: "truncate", spinner: new SlowSpinner() },
      },
    );
    this.#done = this.#listr.run();
    this.#ticker = setInterval(() => this.#retitle(), 1_000);
    this.#ticker.unref();
    screen.stop.addEventListener("abort", () => this.#retitle(), { once: true });
  }

  /** Shows a change that the board has already seen. */
  show(event: Event): void {
    if (event.type === "step-start") this.#waiting.add(event.step);
    if (event.type === "progress") this.#retitleRow(event.step);
    if (event.type === "step-end") this.#endRow(event);
    this.#fill();
  }

  /** Draws the last state and gives the screen back. */
  async close(): Promise<void> {
    clearInterval(this.#ticker);
    const head = this.#listr.tasks[0];
    await this.#opened;
    // Rows that began or ended just now take a turn of the loop.
    await new Promise((resolve) => setImmediate(resolve));
    if (head !== undefined) {
      head.title$ = this.#board.foot(Date.now(), this.#cells());
      const { failed, skipped } = this.#board.counts;
      if (failed > 0) head.state$ = ListrTaskState.FAILED;
      else if (skipped > 0) head.state$ = ListrTaskState.SKIPPED;
    }
    this.#close();
    await this.#done;
  }

  /** Gives waiting steps a row as long as there is room. */
  #fill(): void {
    for (const step of this.#waiting) {
      if (!this.#makeRoom()) return;
      this.#waiting.delete(step);
      this.#startRow(step);
    }
  }

  #startRow(step: string): void {
    let settle!: () => void;
    const ended = new Promise<void>((resolve) => {
      settle = resolve;
    });
    this.#listr.add({ title: this.#title(step), task: () => ended });
    const task = this.#listr.tasks.at(-1) as Task;
    const begun = this.#opened.then(async (wrapper) => {
      await task.check({});
      void task.run({}, wrapper);
    });
    const end = async (state: ListrTaskState, title: string): Promise<void> => {
      await begun;
      task.title$ = title;
      task.state$ = state;
      settle();
    };
    this.#rows.set(step, { task, end: (state, title) => void end(state, title) });
  }

  #endRow(event: Extract<Event, { type: "step-end" }>): void {
    this.#waiting.delete(event.step);
    const row = this.#rows.get(event.step);
    if (row === undefined) return;
    this.#rows.delete(event.step);
    const state = { built: ListrTaskState.COMPLETED, reused: ListrTaskState.COMPLETED, failed: ListrTaskState.FAILED };
    const title = endedRow({ ...event, step: this.#board.label(event.step) }, this.#cells());
    row.end(event.status === "skipped" ? ListrTaskState.SKIPPED : state[event.status], title);
  }

  /** Whether a row is free, after the oldest finished step has left a full screen. */
  #makeRoom(): boolean {
    const { tasks } = this.#listr;
    const rows = Math.max(3, Math.min(mostRows, (process.stdout.rows ?? 24) - 3));
    if (tasks.length < rows) return true;
    const oldest = tasks.findIndex((task, index) => index > 0 && task.isCompleted());
    if (oldest < 0) return false;
    tasks.splice(oldest, 1);
    return true;
  }

  #retitle(): void {
    const head = this.#listr.tasks[0];
    if (head !== undefined) head.title$ = this.#head();
    for (const step of this.#rows.keys()) this.#retitleRow(step);
  }

  #retitleRow(step: string): void {
    const row = this.#rows.get(step);
    if (row !== undefined) row.task.title$ = this.#title(step);
  }

  #head(): string {
    return this.#board.head(Date.now(), this.#cells(), this.#screen.stop.aborted);
  }

  #title(step: string): string {
    return this.#board.row(step, Date.now(), this.#cells(), isUnicodeSupported() ? glyphs.unicode : glyphs.ascii);
  }

  /** Cells of a title: listr2 keeps two for itself and two for the icon. */
  #cells(): number {
    return Math.max(20, (process.stdout.columns ?? 80) - 4);
  }
}
