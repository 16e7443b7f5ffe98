import { type View, views } from "../data/labels/views.ts";
import type { Json } from "../util/canonical.ts";
import { dotted } from "../util/flatten.ts";
import type { Manifest } from "./manifest.ts";
import { subjectOf } from "./run-arms.ts";

/** Separates fields. JSON writes this character as an escape, so no field contains it. */
const mark = 0x1f;
const marked = String.fromCharCode(mark);

type Scores = Readonly<Record<string, number | null>>;

/**
 * The searchable values of one finished run as one line of ASCII: general values, every leaf of its configuration by dotted key,
 * and its metrics by arm and view. A field is located by a text search and parsed on demand: ten thousand runs can be filtered
 * without parsing their lines.
 */
export class RunLine {
  readonly bytes: Buffer;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  /** The line of a manifest. */
  static of(manifest: Manifest): RunLine {
    const { experiment, run, coordinates, created, smoke, cost, config, arms } = manifest;
    const head = { experiment, run, coordinates, created, smoke, seconds: cost.seconds, peak_memory: cost.peak_memory };
    const fields: [string, unknown][] = [
      ...Object.entries(head),
      ["@arms", Object.keys(arms)],
      ["@subject", subjectOf({ manifest, path: "" }) ?? ""],
      ...dotted(config),
      ...Object.entries(arms).flatMap(([arm, metrics]) =>
        // A task has some of the views.
        views.flatMap((view): [string, unknown][] =>
          metrics[view] === undefined ? [] : [[`@${arm}.${view}`, metrics[view]]],
        ),
      ),
    ];
    return new RunLine(
      Buffer.from(fields.map(([key, value]) => `${marked}${ascii(key)}:${ascii(value)}`).join(""), "latin1"),
    );
  }

  /**
   * A value by a dotted key of the configuration, a general value, or a metric: `micro_f1` of the run's subject
   * in the primary view, `canonical.micro_f1`, `zero_shot.micro_f1`, or `zero_shot.canonical.micro_f1`.
   */
  value(key: string): Json | undefined {
    if (key.startsWith("@")) return undefined;
    const field = this.#field(key);
    return field === undefined ? this.#metric(key) : (JSON.parse(field) as Json);
  }

  /** The primary metric and view. */
  primary(): { readonly metric: string; readonly view: View } {
    return { metric: this.#text("evaluate.primary.metric"), view: this.#text("evaluate.primary.view") as View };
  }

  arms(): readonly string[] {
    return JSON.parse(this.#field("@arms") ?? "[]") as string[];
  }

  /** Every metric of an arm in a view. */
  metrics(arm: string, view: View): Scores {
    return JSON.parse(this.#field(`@${arm}.${view}`) ?? "{}") as Scores;
  }

  /** Every metric of every arm. */
  scores(): Readonly<Record<string, Readonly<Record<View, Scores>>>> {
    const of = (arm: string): Readonly<Record<View, Scores>> => ({
      raw: this.metrics(arm, "raw"),
      basic: this.metrics(arm, "basic"),
      canonical: this.metrics(arm, "canonical"),
    });
    return Object.fromEntries(this.arms().map((arm) => [arm, of(arm)]));
  }

  /** Every general value and configuration key, then every metric as `arm.view.metric`. */
  values(): ReadonlyMap<string, Json> {
    const values = new Map<string, Json>();
    for (const field of this.bytes.toString("latin1").split(marked).slice(1)) {
      const [, name = '""', value = "null"] = /^("(?:[^"\\]|\\.)*"):(.*)$/.exec(field) ?? [];
      const key = JSON.parse(name) as string;
      if (!key.startsWith("@")) values.set(key, JSON.parse(value) as Json);
    }
    for (const arm of this.arms()) {
      for (const view of views) {
        for (const [metric, value] of Object.entries(this.metrics(arm, view)))
          values.set(`${arm}.${view}.${metric}`, value);
      }
    }
    return values;
  }

  #metric(key: string): number | null | undefined {
    const [, place = "", metric = ""] = /^(?:(.*)\.)?([^.]+)$/.exec(key) ?? [];
    const subject = this.#text("@subject");
    const isView = (word: string): word is View => (views as readonly string[]).includes(word);
    if (isView(place)) return this.score(subject, place, metric);
    const { view } = this.primary();
    if (place === "") return this.score(subject, view, metric);
    const [, arm = "", last = ""] = /^(.*)\.([^.]+)$/.exec(place) ?? [];
    return isView(last) ? this.score(arm, last, metric) : this.score(place, view, metric);
  }

  /** One metric of an arm in a view, null if it has no meaning for the cases. A text search: a listing needs one of about twenty metrics. */
  score(arm: string, view: View, metric: string): number | null | undefined {
    const group = this.#field(`@${arm}.${view}`);
    const name = `${ascii(metric)}:`;
    const at = group?.indexOf(name) ?? -1;
    if (group === undefined || at < 0) return undefined;
    return JSON.parse(/[^,}]*/.exec(group.slice(at + name.length))?.[0] ?? "null") as number | null;
  }

  #text(key: string): string {
    return JSON.parse(this.#field(key) ?? '""') as string;
  }

  #field(key: string): string | undefined {
    const name = needle(key);
    const at = this.bytes.indexOf(name);
    if (at < 0) return undefined;
    const end = this.bytes.indexOf(mark, at + name.length);
    return this.bytes.toString("latin1", at + name.length, end < 0 ? this.bytes.length : end);
  }
}

const needles = new Map<string, Buffer>();

/** The beginning of a key's field. */
function needle(key: string): Buffer {
  const known = needles.get(key);
  if (known !== undefined) return known;
  const bytes = Buffer.from(`${marked}${ascii(key)}:`, "latin1");
  needles.set(key, bytes);
  return bytes;
}

/** JSON in ASCII, so that a file of lines is read without decoding. */
function ascii(value: unknown): string {
  return JSON.stringify(value).replace(
    /[\u007f-\uffff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
