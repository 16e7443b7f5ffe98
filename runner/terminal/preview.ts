type Shown = {
  readonly id: string;
  readonly target: string;
  readonly text: string;
  readonly examples?: readonly string[];
  readonly prompt: number | null;
  readonly masked: number | null;
  /** The trained tokens as text. */
  readonly trained: readonly string[] | null;
  readonly answer: { readonly text: string; readonly finish: string } | null;
};

/** The prompts of one arm: the common prefix once, then the rest of each prompt. */
export function previewText(arm: string, rows: readonly Shown[], notes: readonly string[]): string {
  const start = rows.length > 1 ? commonStart(rows.map(({ text }) => text)) : 0;
  const lines = [`== ${arm} ==`, ...notes.map((note) => `(${note})`), ""];
  const [first] = rows;
  if (first !== undefined && start > 0)
    lines.push("-- common start of all prompts:", first.text.slice(0, start).trimEnd(), "");
  for (const { id, target, text, examples, prompt, masked, trained, answer } of rows) {
    lines.push(`-- ${id}${prompt === null ? "" : `, ${prompt} tokens`}${start > 0 ? ", continued:" : ":"}`);
    if (examples !== undefined) lines.push(`examples: ${examples.join(", ")}`);
    lines.push(text.slice(start), "");
    if (trained !== null)
      lines.push(`masked: ${masked} tokens; trained: ${trained.length} tokens: ${trained.join("|")}`);
    else lines.push(`target: ${target}`);
    if (answer !== null) lines.push(`base model: ${answer.text}${answer.finish === "length" ? " [truncated]" : ""}`);
    lines.push("");
  }
  return lines.join("\n");
}

/** Length of the common prefix of all texts, up to the end of a line. */
function commonStart(texts: readonly string[]): number {
  const [first = "", ...others] = texts;
  let length = first.length;
  for (const text of others) {
    let at = 0;
    while (at < length && text[at] === first[at]) at++;
    length = at;
  }
  return first.lastIndexOf("\n", length - 1) + 1;
}
