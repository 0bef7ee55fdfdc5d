import {
  type JsonValue,
  type KnownSecret,
  type Page,
  processBudgets,
  type RateBudgets,
  type Row,
  type Source,
  SourceError,
  type StreamOptions,
} from "spine-core";
import { advanceCursor, Places } from "./advance-cursor.ts";
import { changeOf } from "./change-mark.ts";
import { type Asking, HttpClient, type Reply } from "./http-client.ts";
import { type HttpCursor, readCursor, sourceChanged } from "./http-cursor.ts";
import { explainHttpError } from "./http-error.ts";
import { type HttpRequest, type Outgoing, outgoingOf, questionOf } from "./http-request.ts";
import { type HttpRules, type HttpSourceOptions, httpRules } from "./http-source-options.ts";
import { KeySample } from "./key-sample.ts";
import { type Pager, pagerOf } from "./pagers.ts";
import { type AnswerEnd, type AnswerPage, pagesOfJson, pagesOfText } from "./read-answer.ts";
import { readJson } from "./read-body.ts";
import { withoutSecrets } from "./secret-places.ts";
import { shownUrl } from "./shown-url.ts";

/**
 * Reads rows from an HTTP service: JSON page by page, and jsonl, csv, psv and tsv as they come. Every record comes out as a row
 * or a reject (`INVALID_JSON`, and those of files). A page is a checkpoint: a resumed stream asks for the next one, and for none again.
 *
 * Never is a part taken for the whole: what was received has to come to the `total` that the other side says, cut bodies,
 * empty pages before the end, pages that go in a circle and HTML are errors.
 *
 * Errors: SOURCE_CHANGED, SOURCE_TRUNCATED, TRANSIENT, SOURCE_UNAVAILABLE, SOURCE_TIMEOUT, RATE_LIMITED and RATE_BUDGET_USED, which are
 * retried, a few times at once and then by the step; SOURCE_NOT_FOUND, SOURCE_REFUSED, SOURCE_FORMAT, SOURCE_MALFORMED, SOURCE_EMPTY,
 * SOURCE_TOO_LARGE, SOURCE_ENCODING, PERMISSION_DENIED and CONFIG_INVALID, which are not; and those of files.
 *
 * @example
 * const trades = httpSource({
 *   name: "demo.trades",
 *   baseUrl: "https://api.example.com/v1",
 *   auth: { kind: "bearer", token: "env:DEMO_TOKEN" },
 *   paginate: { kind: "offset", limit: 5000, total: { header: "Record-Total" } },
 *   key: "id",
 * });
 */
export function httpSource(options: HttpSourceOptions): Source<HttpRequest, Row> {
  const rules = httpRules(options);
  const reading: Reading = { rules, client: new HttpClient(rules), budgets: processBudgets() };
  return {
    name: rules.name,
    describe: (request) => shownUrl(outgoingOf(rules, request).url),
    stream: (request, streamOptions = {}) => readAll(reading, request, streamOptions),
    changed: (request, { since, signal, budgets = reading.budgets }) => {
      const { pager, first } = begin(rules, request);
      const asking = { budgets, signal, auth: request.auth };
      return changeOf({ rules, client: reading.client, pager, outgoing: first, asking }, since);
    },
  };
}

interface Reading {
  readonly rules: HttpRules;
  readonly client: HttpClient;
  /** Where the stream is given none. */
  readonly budgets: RateBudgets;
}

function begin(rules: HttpRules, request: HttpRequest): { pager: Pager; plain: Outgoing; first: Outgoing } {
  const plain = outgoingOf(rules, request);
  const pager = pagerOf(rules.paginate, request, (custom) => outgoingOf(rules, custom));
  return { pager, plain, first: pager.apply(plain, pager.first) };
}

async function* readAll(
  { rules, client, budgets }: Reading,
  request: HttpRequest,
  options: StreamOptions,
): AsyncGenerator<Page> {
  const { signal } = options;
  signal?.throwIfAborted();
  const { pager, plain } = begin(rules, request);
  let at = readCursor(options.cursor, questionOf(plain, rules.baseUrl), pager.first);
  const places = new Places();
  // A place that is a number means something only as long as the order is the same.
  const isCounted = rules.paginate.kind === "offset" || rules.paginate.kind === "page-number";
  const keys = rules.key !== null || isCounted ? new KeySample(rules.key, at.keys ?? null) : null;
  const asking = { budgets: options.budgets ?? budgets, signal, auth: request.auth };
  while (at.next !== undefined) {
    const outgoing = pager.apply(plain, at.next);
    const secrets: KnownSecret[] = [];
    try {
      places.meet(at.next);
      if (at.answers >= rules.maxPages) throw tooManyPages(rules.maxPages);
      at = yield* readPlace({ rules, client, pager, plain, outgoing, asking, keys, secrets }, at);
    } catch (error) {
      // Whoever aborted gets back the very reason that they gave.
      if (signal?.aborted && error === signal.reason) throw error;
      throw explainHttpError(error, { name: rules.name, url: outgoing.url, secrets });
    }
  }
}

interface AtPlace {
  readonly rules: HttpRules;
  readonly client: HttpClient;
  readonly pager: Pager;
  /** The request without a place, and with that of this answer. */
  readonly plain: Outgoing;
  readonly outgoing: Outgoing;
  readonly asking: Asking;
  readonly keys: KeySample | null;
  /** Is told what must not be shown. */
  readonly secrets: KnownSecret[];
}

/** Delivers one answer, and gives the cursor behind it. */
async function* readPlace(place: AtPlace, at: HttpCursor): AsyncGenerator<Page, HttpCursor> {
  const { rules, client, pager, plain, outgoing, asking, keys, secrets } = place;
  const { signal } = asking;
  const { reply, pages } = await client.ask(outgoing, asking, (given) =>
    openAnswer(given, at, rules, signal),
  );
  try {
    secrets.push(...reply.secrets);
    const { header, url } = reply.response;
    // One page is held back: only when the answer has ended is it known where to go on behind its last page.
    let held: AnswerPage | null = null;
    let turn = await pages.next();
    for (; !turn.done; turn = await pages.next()) {
      if (held) yield withCursor(held, { ...at, part: held.part }, keys);
      signal?.throwIfAborted();
      held = turn.value;
    }
    const came = { ...turn.value, header, url, origin: plain.url.origin };
    const after = withoutSecrets(advanceCursor(at, came, pager, rules), pager, secrets);
    if (held) yield withCursor(held, after, keys);
    signal?.throwIfAborted();
    return keys ? { ...after, keys: keys.stored } : after;
  } finally {
    // Whoever leaves early leaves a connection.
    await pages.return({ records: 0, body: undefined });
  }
}

interface Answer {
  readonly reply: Reply;
  readonly pages: AsyncGenerator<AnswerPage, AnswerEnd>;
}

/** A JSON body is read here, where it may be asked for again at once; others begin to be. */
async function openAnswer(
  reply: Reply,
  at: HttpCursor,
  rules: HttpRules,
  signal: AbortSignal | undefined,
): Promise<Answer> {
  if (reply.isEmpty) return { reply, pages: noPages(at) };
  if (rules.format !== "json") return { reply, pages: pagesOfText(reply, at.part, rules, signal) };
  const body = await readJson(reply.response, reply.timer, rules);
  return { reply, pages: asynchronously(pagesOfJson(body, at.part, at.received, rules)) };
}

async function* noPages({ part }: HttpCursor): AsyncGenerator<AnswerPage, AnswerEnd> {
  if (part) throw sourceChanged("The answer is empty now, though rows were read of it before.");
  yield* [];
  return { records: 0, body: undefined };
}

async function* asynchronously<T, R>(pages: Generator<T, R>): AsyncGenerator<T, R> {
  return yield* pages;
}

/** SOURCE_CHANGED where a row of the page was on an earlier one. */
function withCursor({ page }: AnswerPage, cursor: HttpCursor, keys: KeySample | null): Page {
  if (keys === null) return { ...page, cursor: cursor as JsonValue };
  const again = keys.take(page.rows);
  if (again === null) return { ...page, cursor: { ...cursor, keys: keys.stored } };
  throw sourceChanged(
    "A row came that was on an earlier page: the order or the rows changed while they were read, or `key` does not tell rows from each other.",
  );
}

function tooManyPages(most: number): SourceError {
  return new SourceError(
    `More than ${most} pages (\`maxPages\`) came. Ask for less at once, or raise the limit.`,
    {
      code: "SOURCE_TOO_LARGE",
    },
  );
}
