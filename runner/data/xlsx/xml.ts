import { SaxesParser, type SaxesTagPlain } from "saxes";
import { UserError } from "../../util/user-error.ts";
import { brokenWorkbook, workbookLimits, workbookTooLarge } from "./limits.ts";

/** Receives the parts of a document. Names are without a namespace prefix. */
export type XmlHandler = {
  open(name: string, attributes: Readonly<Record<string, string>>): void;
  text?(text: string): void;
  close?(name: string): void;
};

/** Parses XML while it is read. Entities of a document type are errors, not expanded. Throws UserError. */
export async function parseXml(parts: AsyncIterable<string>, handler: XmlHandler): Promise<void> {
  let elements = 0;
  let length = 0;
  const parser = new SaxesParser<{ xmlns: false; position: false }>({ xmlns: false, position: false });
  parser.on("opentag", ({ name, attributes }: SaxesTagPlain) => {
    if (++elements > workbookLimits.elements) throw workbookTooLarge(`more than ${workbookLimits.elements} elements`);
    handler.open(localName(name), attributes);
  });
  parser.on("closetag", ({ name }: SaxesTagPlain) => handler.close?.(localName(name)));
  parser.on("text", (text: string) => handler.text?.(text));
  parser.on("cdata", (text: string) => handler.text?.(text));
  try {
    for await (const part of parts) {
      const last = part.lastIndexOf("<");
      length = last < 0 ? length + part.length : part.length - last;
      if (length > workbookLimits.text) throw workbookTooLarge(`a text of more than ${workbookLimits.text} characters`);
      parser.write(part);
    }
    parser.close();
  } catch (error) {
    throw error instanceof UserError ? error : brokenWorkbook();
  }
}

function localName(name: string): string {
  const colon = name.indexOf(":");
  return colon < 0 ? name : name.slice(colon + 1);
}
