import { open } from "node:fs/promises";
import Papa from "papaparse";

/** As much as Spine reads at a time: with more, its texts are freed by full collections only, and it takes several times as long. */
const PIECE_BYTES = 64 * 1024;

/** Papa Parse at its fastest: the parser itself, on pieces of text, fields as arrays. Returns the rows. */
export async function readPipeFile(path: string): Promise<number> {
  const file = await open(path);
  const parser = new Papa.Parser({ delimiter: "|", newline: "\n", fastMode: true });
  const buffer = Buffer.alloc(PIECE_BYTES);
  let rows = -1;
  let rest = "";
  for (;;) {
    const { bytesRead } = await file.read(buffer, 0, buffer.length, null);
    if (bytesRead === 0) break;
    const text = rest + buffer.toString("utf8", 0, bytesRead);
    const parsed = parser.parse(text, 0, true) as Papa.ParseResult<string[]>;
    rows += parsed.data.length;
    rest = text.slice(parsed.meta.cursor);
  }
  await file.close();
  return rows;
}
