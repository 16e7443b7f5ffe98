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
import { endedRow, type RunProgress } from "./run-progress.ts";

const mostRows = 20;
/** Time between frames in ms. Rendering competes with training on machines with few cores. */
const frameInterval = 200;

/** listr2 renders on every change of every task; this renderer limits the frame rate. */
class ThrottledRenderer extends DefaultRenderer {
  #last = 0;

  override update(): void {
    const now = Date.now();
    if (now - this.#last < frameInterval / 2) return;
    this.#last = now;
    super.update();
  }
}

class SlowSpinner extends Spinner {
  override start(draw?: () => void): void {
    super.start(draw, frameInterval);
  }
}

type Task = ListrTaskObject<ListrContext, typeof ThrottledRenderer, typeof ThrottledRenderer>;
type Wrapper = ListrTaskWrapper<ListrContext, typeof ThrottledRenderer, typeof ThrottledRenderer>;
type Row = { readonly task: Task; readonly end: (state: ListrTaskState, title: string) => void };

const states = {
  done: ListrTaskState.COMPLETED,
  built: ListrTaskState.COMPLETED,
  reused: ListrTaskState.COMPLETED,
  failed: ListrTaskState.FAILED,
  skipped: ListrTaskState.SKIPPED,
} as const;

/**
 * The live view of a run: one listr2 task for the whole run, and one per row of RunProgress. Only visible rows are tasks. When the
 * screen is full, a row that starts to work replaces the oldest finished row, or else a waiting row.
 */
export class LiveView {
  readonly #screen: Screen;
  readonly #progress: RunProgress;
  readonly #listr: Listr<ListrContext, typeof ThrottledRenderer, typeof ThrottledRenderer>;
  readonly #done: Promise<unknown>;
  readonly #rows = new Map<string, Row>();
  /** Rows that do not fit on the screen. */
  readonly #hidden = new Set<string>();
  readonly #ticker: NodeJS.Timeout;
  readonly #opened: Promise<Wrapper>;
  #close!: () => void;

  constructor(progress: RunProgress, screen: Screen) {
    this.#progress = progress;
    this.#screen = screen;
    let open!: (wrapper: Wrapper) => void;
    this.#opened = new Promise((resolve) => {
      open = resolve;
    });
    const closed = new Promise<void>((resolve) => {
      this.#close = resolve;
    });
    this.#listr = new Listr<ListrContext, typeof ThrottledRenderer, typeof ThrottledRenderer>(
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
        renderer: ThrottledRenderer,
        rendererOptions: { formatOutput: "truncate", spinner: new SlowSpinner() },
      },
    );
    this.#done = this.#listr.run();
    this.#ticker = setInterval(() => this.#retitle(), 1_000);
    this.#ticker.unref();
    screen.stop.addEventListener("abort", () => this.#retitle(), { once: true });
  }

  /** Renders an event that RunProgress has already applied. */
  show(event: Event): void {
    if (event.type === "step-wait" || event.type === "step-start" || event.type === "progress") {
      const row = this.#progress.rowOf(event.step);
      if (this.#rows.has(row)) this.#retitleRow(row);
      else this.#showRow(row);
    } else if (event.type === "step-end") {
      this.#endStep(event);
      for (const row of this.#hidden) this.#showRow(row);
    }
  }

  /** Renders the final state and restores the terminal. */
  async close(): Promise<void> {
    clearInterval(this.#ticker);
    const head = this.#listr.tasks[0];
    await this.#opened;
    // Pending changes of rows complete in the next turn of the event loop.
    await new Promise((resolve) => setImmediate(resolve));
    if (head !== undefined) {
      head.title$ = this.#progress.foot(Date.now(), this.#cells());
      const { failed, skipped } = this.#progress.counts;
      if (failed > 0) head.state$ = ListrTaskState.FAILED;
      else if (skipped > 0) head.state$ = ListrTaskState.SKIPPED;
    }
    this.#close();
    await this.#done;
  }

  /** Shows a row: a working row replaces another one if necessary, a waiting row needs free space. */
  #showRow(row: string): void {
    this.#hidden.add(row);
    if (!(this.#progress.stateOf(row) === "busy" ? this.#freeSpace() : this.#hasSpace())) return;
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
    const name = this.#progress.rowOf(event.step);
    const row = this.#rows.get(name);
    const cells = this.#cells();
    if (name === event.step) {
      this.#hidden.delete(name);
      this.#endRow(name, states[event.status], endedRow({ ...event, step: this.#progress.nameOf(name) }, cells));
      return;
    }
    const state = this.#progress.stateOf(name);
    if (state === "busy" || state === "waiting") {
      if (row !== undefined) this.#retitleRow(name);
      return;
    }
    this.#hidden.delete(name);
    this.#endRow(name, states[state], this.#progress.endedRun(name, cells));
  }

  #endRow(name: string, state: ListrTaskState, title: string): void {
    this.#rows.get(name)?.end(state, title);
    this.#rows.delete(name);
  }

  #hasSpace(): boolean {
    return this.#listr.tasks.length < Math.max(3, Math.min(mostRows, (process.stdout.rows ?? 24) - 4));
  }

  /** Frees a row on a full screen: the oldest finished row, or else a waiting one. Returns whether there is space. */
  #freeSpace(): boolean {
    if (this.#hasSpace()) return true;
    const { tasks } = this.#listr;
    const ended = tasks.findIndex((task, index) => index > 0 && task.isCompleted());
    if (ended >= 0) {
      tasks.splice(ended, 1);
      return true;
    }
    const idle = [...this.#rows].find(([name]) => this.#progress.stateOf(name) === "waiting");
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
      // listr2 prefixes the output with two cells.
      const outlook = this.#progress.outlook(Date.now(), this.#cells() - 2);
      if (outlook !== "") head.output$ = outlook;
    }
    for (const name of this.#rows.keys()) this.#retitleRow(name);
  }

  #retitleRow(name: string): void {
    const row = this.#rows.get(name);
    if (row !== undefined) row.task.title$ = this.#title(name);
  }

  #head(): string {
    return this.#progress.head(Date.now(), this.#cells(), this.#screen.stop.aborted);
  }

  #title(name: string): string {
    return this.#progress.row(name, Date.now(), this.#cells(), isUnicodeSupported() ? glyphs.unicode : glyphs.ascii);
  }

  /** Width of a title: listr2 needs two cells, and the icon two more. */
  #cells(): number {
    return Math.max(20, (process.stdout.columns ?? 80) - 4);
  }
}
