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
import type { Event } from "../execution/event.ts";
import { glyphs } from "./progress-line.ts";
import type { Screen } from "./reporter.ts";
import { type Board, endedRow } from "./run-progress.ts";

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

const states = {
  done: ListrTaskState.COMPLETED,
  built: ListrTaskState.COMPLETED,
  reused: ListrTaskState.COMPLETED,
  failed: ListrTaskState.FAILED,
  skipped: ListrTaskState.SKIPPED,
} as const;

/**
 * The live view of a run: one listr2 task for all of it, and one for each run of a sweep, or step that belongs to no one run,
 * which awaits it. Only rows on the screen are tasks. When it is full, those that have ended leave it, oldest first, then those
 * that wait for their turn; a row whose step begins comes in.
 */
export class LiveView {
  readonly #screen: Screen;
  readonly #board: Board;
  readonly #listr: Listr<ListrContext, typeof Paced, typeof Paced>;
  readonly #done: Promise<unknown>;
  readonly #rows = new Map<string, Row>();
  /** Rows that are not on the screen, for want of room. */
  readonly #hidden = new Set<string>();
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
    if (event.type === "step-start" || event.type === "step-begun" || event.type === "progress") {
      const row = this.#board.rowOf(event.step);
      if (this.#rows.has(row)) this.#retitleRow(row);
      else this.#bringIn(row);
    } else if (event.type === "step-end") {
      this.#endStep(event);
      for (const row of this.#hidden) this.#bringIn(row);
    }
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

  /** Puts a row on the screen: one that works as soon as anything can leave it, one that waits where there is room. */
  #bringIn(row: string): void {
    this.#hidden.add(row);
    if (!(this.#board.stateOf(row) === "busy" ? this.#makeRoom() : this.#hasRoom())) return;
    this.#hidden.delete(row);
    this.#startRow(row);
  }

  #startRow(name: string): void {
    let settle!: () => void;
    const ended = new Promise<void>((resolve) => {
      settle = resolve;
    });
    this.#listr.add({ title: this.#title(name), task: () => ended });
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
    this.#rows.set(name, { task, end: (state, title) => void end(state, title) });
  }

  #endStep(event: Extract<Event, { type: "step-end" }>): void {
    const name = this.#board.rowOf(event.step);
    const row = this.#rows.get(name);
    const cells = this.#cells();
    if (name === event.step) {
      this.#hidden.delete(name);
      this.#endRow(name, states[event.status], endedRow(event, cells));
      return;
    }
    const state = this.#board.stateOf(name);
    if (state === "busy" || state === "waiting") {
      if (row !== undefined) this.#retitleRow(name);
      return;
    }
    this.#hidden.delete(name);
    this.#endRow(name, states[state], this.#board.endedRun(name, cells));
  }

  #endRow(name: string, state: ListrTaskState, title: string): void {
    this.#rows.get(name)?.end(state, title);
    this.#rows.delete(name);
  }

  #hasRoom(): boolean {
    return this.#listr.tasks.length < Math.max(3, Math.min(mostRows, (process.stdout.rows ?? 24) - 4));
  }

  /** Whether a row is free, after the oldest one that has ended, or else waits, has left a full screen. */
  #makeRoom(): boolean {
    if (this.#hasRoom()) return true;
    const { tasks } = this.#listr;
    const ended = tasks.findIndex((task, index) => index > 0 && task.isCompleted());
    if (ended >= 0) {
      tasks.splice(ended, 1);
      return true;
    }
    const idle = [...this.#rows].find(([name]) => this.#board.stateOf(name) === "waiting");
    if (idle === undefined) return false;
    const [name, row] = idle;
    this.#endRow(name, ListrTaskState.COMPLETED, this.#title(name));
    tasks.splice(tasks.indexOf(row.task), 1);
    this.#hidden.add(name);
    return true;
  }

  #retitle(): void {
    const head = this.#listr.tasks[0];
    if (head !== undefined) {
      head.title$ = this.#head();
      // Two cells go to the mark before it.
      const outlook = this.#board.outlook(Date.now(), this.#cells() - 2);
      if (outlook !== "") head.output$ = outlook;
    }
    for (const name of this.#rows.keys()) this.#retitleRow(name);
  }

  #retitleRow(name: string): void {
    const row = this.#rows.get(name);
    if (row !== undefined) row.task.title$ = this.#title(name);
  }

  #head(): string {
    return this.#board.head(Date.now(), this.#cells(), this.#screen.stop.aborted);
  }

  #title(name: string): string {
    return this.#board.row(name, Date.now(), this.#cells(), isUnicodeSupported() ? glyphs.unicode : glyphs.ascii);
  }

  /** Cells of a title: listr2 keeps two for itself and two for the icon. */
  #cells(): number {
    return Math.max(20, (process.stdout.columns ?? 80) - 4);
  }
}
