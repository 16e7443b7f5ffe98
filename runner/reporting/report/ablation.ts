/** A dotted key as a column's head: its last part, or more of it where two keys end alike. */
export function shortKeys(keys: readonly string[]): readonly string[] {
  return keys.map((key) => {
    const parts = key.split(".");
    for (let count = 1; count < parts.length; count++) {
      const short = parts.slice(-count).join(".");
      if (keys.every((other) => other === key || !`.${other}`.endsWith(`.${short}`))) return short;
    }
    return key;
  });
}

/** A value of a key as a table shows it. */
export function valueText(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}
