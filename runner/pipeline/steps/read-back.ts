import type { ReadBack } from "../../data/audit-facts.ts";
import { isNone } from "../../data/labels/none.ts";
import type { Row } from "../../data/rows.ts";
import { strayNone } from "../../data/study-labels.ts";
import type { OpenTask, Task, TrainingTargets } from "../../plugins/tasks/task.ts";

/**
 * How the target of a row is read as an answer: as its gold, as its gold only if its labels were labels of training
 * rows, or as something else. The comparison is that of the most lenient view. "None" together with other labels does not
 * count if few training rows have it: it names nothing.
 */
export function readBack({
  task,
  open,
  prepared,
}: {
  readonly task: Task;
  readonly open: OpenTask;
  readonly prepared: TrainingTargets<unknown>;
}): (row: Row<unknown>) => ReadBack {
  const trained = new Set(prepared.labels.map(({ label }) => label));
  // Only then is there a text that a held-out row without labels should have instead of its own.
  const teachesNone =
    task.labels !== undefined && prepared.rows.some(({ gold }) => (gold as readonly string[]).every(isNone));
  const isStray = strayNone(
    task.labels === undefined ? [] : (prepared.rows as readonly { readonly gold: readonly string[] }[]),
  );
  const named = (parts: readonly string[]): string => {
    const others = task.labels && parts.some((part) => !isNone(part)) ? parts.filter((part) => !isStray(part)) : parts;
    return JSON.stringify([...others].sort());
  };
  const isRead = (gold: unknown, text: string, labels: ReadonlySet<string>): boolean => {
    const { prediction, parsed } = open.parseAnswer(text, { labels });
    // Without labels, an empty target is no answer: an answer that cannot be read is never correct.
    if (task.labels === undefined && !parsed) return false;
    return task.views.some((view) => named(open.parts(gold, view)) === named(open.parts(prediction, view)));
  };
  return ({ gold }) => {
    const text = prepared.write(gold);
    if (isRead(gold, text, trained)) return "read";
    if (task.labels === undefined) return "misread";
    const own = teachesNone
      ? (gold as readonly string[]).filter((label) => !isNone(label))
      : (gold as readonly string[]);
    return own.length > 0 && isRead(gold, text, new Set([...trained, ...own])) ? "unseen" : "misread";
  };
}
