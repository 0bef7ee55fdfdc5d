import { SourceError } from "spine-core";

/** Throws SOURCE_LINE_TOO_LONG for a record of more than `maxBytes` bytes in UTF-8. */
export function checkLineLength(text: string, maxBytes: number, line: number, hint = ""): void {
  // No character takes more than three bytes per UTF-16 unit: most texts need no count.
  if (text.length * 3 <= maxBytes || Buffer.byteLength(text) <= maxBytes) return;
  throw new SourceError(`Line ${line} is longer than ${maxBytes} bytes${hint}.`, {
    code: "SOURCE_LINE_TOO_LONG",
    context: { line },
  });
}
