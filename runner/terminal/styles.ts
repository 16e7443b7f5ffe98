/** Text styles of a terminal. */
export type Styles = Readonly<Record<"bold" | "dim" | "red" | "green" | "yellow", (text: string) => string>>;

/** ANSI styles, or functions that return the text unchanged if `color` is false. */
export function styles(color: boolean): Styles {
  const style = (on: number, off: number) => (text: string) => (color ? `\u001b[${on}m${text}\u001b[${off}m` : text);
  return { bold: style(1, 22), dim: style(2, 22), red: style(31, 39), green: style(32, 39), yellow: style(33, 39) };
}
