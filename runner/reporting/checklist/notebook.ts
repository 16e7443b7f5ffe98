/** Values for the cell tagged "parameters". */
export type NotebookParameters = Readonly<Record<"experiment" | "environments" | "flags", string>>;

type Notebook = {
  readonly cells: readonly {
    readonly cell_type: string;
    readonly metadata: { readonly tags?: readonly string[] };
    readonly source: readonly string[];
  }[];
};

/** Sets the parameters of the notebook. Throws if the notebook lacks one. */
export function filledNotebook(text: string, parameters: NotebookParameters): string {
  const notebook = JSON.parse(text) as Notebook;
  const missing = new Set(Object.keys(parameters));
  const cells = notebook.cells.map((cell) => {
    if (cell.metadata.tags?.includes("parameters") !== true) return cell;
    const source = cell.source.map((line) => {
      const name = /^(\w+) = /.exec(line)?.[1] ?? "";
      const value = parameters[name as keyof NotebookParameters];
      if (value === undefined) return line;
      missing.delete(name);
      // A JSON string is a valid Python string.
      return `${name} = ${JSON.stringify(value)}${line.endsWith("\n") ? "\n" : ""}`;
    });
    return { ...cell, source };
  });
  if (missing.size > 0) throw new Error(`The notebook template has no parameter ${[...missing].join(", ")}`);
  return `${JSON.stringify({ ...notebook, cells }, null, 1)}\n`;
}
