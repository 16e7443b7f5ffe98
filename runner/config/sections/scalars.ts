/** A seed that every random number generator accepts: 32 bits. */
export const seed = { type: "integer", minimum: 0, maximum: 4294967295 } as const;

/** A time: "90m", "1.5h". */
export const duration = { type: "string", pattern: "^[0-9]+(\\.[0-9]+)?[smhd]$" } as const;

/** A path relative to the YAML file that contains it. It is made absolute when the file is read. */
export const filePath = { type: "string", minLength: 1, format: "file-path" } as const;

/**
 * A data file, a glob that matches several, or a list of both. A glob becomes the list of its files when the file is
 * read.
 */
export const dataPaths = {
  anyOf: [
    { type: "string", minLength: 1, format: "data-path" },
    {
      type: "array",
      minItems: 1,
      uniqueItems: true,
      items: { type: "string", minLength: 1, format: "data-path" },
    },
  ],
} as const;

/** Name of a column of a table. */
export const column = { type: "string", minLength: 1 } as const;
