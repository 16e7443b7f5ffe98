/** A command of words, each quoted where a shell needs it. */
export const shellCommand = (...words: readonly string[]): string => words.map(shellWord).join(" ");

/** A word quoted for POSIX shells and for shlex. */
export const shellWord = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'"'"'`)}'`;
