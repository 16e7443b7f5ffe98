/**
 * Names of repositories on the Hugging Face hub, by its rules: letters, digits and single . - _, no - or . at an end,
 * no .git at the end, and at most 96 characters in owner and name.
 */
const part = "[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,94}[A-Za-z0-9_])?";
const start = "^(?!.*(?:--|\\.\\.|\\.git$))";

/** Pattern of owner/name. */
export const repository = `${start}${part}/${part}$`;

/** Pattern of owner/name, or of the name of an old repository without an owner. */
export const repositoryOrName = `${start}(?:${part}/)?${part}$`;

const [withOwner, withOrWithout] = [new RegExp(repository), new RegExp(repositoryOrName)];

export const isRepository = (name: string): boolean => withOwner.test(name);
export const isRepositoryOrName = (name: string): boolean => withOrWithout.test(name);
