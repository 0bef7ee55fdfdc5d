import { type JsonValue, type Page, SourceError, type StreamOptions } from "spine-core";
import { byteDecoder } from "../byte-decoder.ts";
import { DelimitedReader } from "../delimited-reader.ts";
import { DELIMITER_OF } from "../file-format.ts";
import { fileRules } from "../file-source-options.ts";
import { JsonLinesReader } from "../json-lines-reader.ts";
import { addJsonRecord, mayHoldUnstorable } from "../json-record.ts";
import { PageBuilder } from "../page-builder.ts";
import type { RecordReader } from "../record-reader.ts";
import { decodedBody } from "./decoded-body.ts";
import type { Reply } from "./http-client.ts";
import type { BodyPart } from "./http-cursor.ts";
import type { HttpRules } from "./http-source-options.ts";
import { answerChanged, PartCheck } from "./part-check.ts";
import { charsetOf, emptyBody, type JsonBody, lookForHtml, refuseHtml } from "./read-body.ts";
import { recordsIn } from "./select-records.ts";

/** A page out of one answer; `part` is what was delivered of the answer by then. */
export interface AnswerPage {
  readonly page: Omit<Page, "cursor">;
  readonly part: BodyPart;
}

/** What is known of an answer once it was read to its end. */
export interface AnswerEnd {
  /** Rows and rejects in it. */
  readonly records: number;
  readonly body: JsonValue | undefined;
}

/** An answer is compared by its bytes, which is its own cursor's business. */
const NOWHERE = () => ({});

/** The pages of a JSON body that was read as a whole. */
export function* pagesOfJson(
  body: JsonBody,
  before: BodyPart | undefined,
  received: number,
  rules: HttpRules,
): Generator<AnswerPage, AnswerEnd> {
  const part = { bytes: body.bytes, hash: body.hash };
  // It was read as a whole the first time too.
  if (before && (before.bytes !== body.bytes || before.hash !== body.hash)) throw answerChanged();
  const pages = new PageBuilder(rules.batchRows, NOWHERE, before?.records ?? 0);
  const records = recordsIn(body.document, rules);
  const doubtful = mayHoldUnstorable(body.text);
  records.forEach((value, index) => {
    addJsonRecord(pages, value, received + index + 1, () => JSON.stringify(value), doubtful);
  });
  pages.read(body.bytes);
  for (const page of [...pages.full(), ...pages.rest()])
    yield { page: bare(page), part: { ...part, records: recordsAt(page) } };
  return { records: records.length, body: body.document };
}

/** The pages of a body that is read as it comes. */
export async function* pagesOfText(
  { response, timer }: Pick<Reply, "response" | "timer">,
  before: BodyPart | undefined,
  rules: HttpRules,
  signal: StreamOptions["signal"],
): AsyncGenerator<AnswerPage, AnswerEnd> {
  refuseUnframed(response, rules);
  const decoder = byteDecoder(rules.text.encoding ?? charsetOf(response) ?? "utf-8");
  const pages = new PageBuilder(rules.batchRows, NOWHERE, before?.records ?? 0);
  const reader = readerFor(rules, pages);
  const check = new PartCheck(before);
  const mayBeJson = rules.format === "jsonl";
  /** What came so far, until it is known to be no page for people. */
  let beginning: string | null = "";
  let isFirst = true;
  const waiting: Page[] = [];
  for await (const piece of decodedBody(response, timer, rules)) {
    check.take(piece);
    const text = decoder.decode(piece);
    isFirst = false;
    if (beginning !== null) {
      beginning += text;
      if (lookForHtml(response, beginning, mayBeJson)) beginning = null;
    }
    reader.feed(text);
    pages.read(piece.length);
    waiting.push(...pages.full());
    while (beginning === null && check.isChecked && waiting.length > 0) {
      signal?.throwIfAborted();
      const page = waiting.shift() as Page;
      yield { page: bare(page), part: check.after(recordsAt(page)) };
    }
  }
  if (isFirst) throw emptyBody(response);
  if (beginning !== null) refuseHtml(response, beginning, mayBeJson);
  decoder.end();
  check.end();
  reader.end();
  for (const page of [...waiting, ...pages.full(), ...pages.rest()]) {
    signal?.throwIfAborted();
    yield { page: bare(page), part: check.after(recordsAt(page)) };
  }
  return { records: pages.records, body: undefined };
}

function readerFor(rules: HttpRules, pages: PageBuilder): RecordReader {
  const { name, format, text, batchRows } = rules;
  if (format === "json") throw new Error("JSON is read as a whole");
  const files = fileRules({ ...text, name, format, batchRows, allowNoRows: true });
  if (format === "jsonl") return new JsonLinesReader(files.maxLineBytes, pages);
  return new DelimitedReader(files, files.delimiter ?? DELIMITER_OF[format] ?? ",", pages);
}

/** A text that may end anywhere and ends with its connection may be cut off anywhere. */
function refuseUnframed(response: Reply["response"], rules: HttpRules): void {
  const isFramed =
    response.header("content-length") !== null || /chunked/i.test(response.header("transfer-encoding") ?? "");
  const tells = (response.header("content-encoding") ?? "") !== "" || rules.text.trailer === "count";
  if (isFramed || tells || rules.allowUnframed) return;
  throw new SourceError(
    "The body has no length and ends with its connection: nobody can tell whether it is whole. Set `allowUnframed` to take it all the same.",
    { code: "SOURCE_TRUNCATED" },
  );
}

function recordsAt(page: Page): number {
  return (page.cursor as { readonly records: number }).records;
}

function bare({ rows, lines, rejects, bytes }: Page): Omit<Page, "cursor"> {
  return {
    rows,
    ...(lines ? { lines } : {}),
    ...(rejects ? { rejects } : {}),
    ...(bytes === undefined ? {} : { bytes }),
  };
}
