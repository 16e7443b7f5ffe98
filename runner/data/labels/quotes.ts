/** What models put around a label: quotation marks and Markdown. Opening mark -> closing mark. */
export const quotes: Readonly<Record<string, string>> = {
  '"': '"',
  "'": "'",
  "`": "`",
  "“": "”",
  "‘": "’",
  "«": "»",
  "„": "“",
  "「": "」",
  "*": "*",
  _: "_",
  "~": "~",
};
