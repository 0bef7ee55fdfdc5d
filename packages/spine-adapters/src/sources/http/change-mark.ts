import { createHash } from "node:crypto";
import type { JsonValue, SourceChange } from "spine-core";
import { decodedBody } from "./decoded-body.ts";
import type { Asking, HttpClient, Reply } from "./http-client.ts";
import type { Outgoing } from "./http-request.ts";
import type { HttpRules } from "./http-source-options.ts";
import { numberAt, type Pager } from "./pagers.ts";
import { readJson } from "./read-body.ts";
import { recordsIn } from "./select-records.ts";

/** What tells one state of an answer from another. A type, not an interface, because it has to be JSON. */
type ChangeMark = {
  readonly etag: string | null;
  readonly lastModified: string | null;
  /** Of the bytes of the body, where the other side gives neither of the two. */
  readonly hash: string | null;
};

interface Look {
  readonly rules: HttpRules;
  readonly client: HttpClient;
  readonly pager: Pager;
  readonly outgoing: Outgoing;
  readonly asking: Asking;
}

const NOT_MODIFIED = 304;

/**
 * Whether the answer is another one than it was: the other side is asked by what it gave last time (`If-None-Match`,
 * `If-Modified-Since`), and where it gave nothing the body is read and compared. What has several pages has always changed: the first one
 * says nothing about the others.
 */
export async function changeOf(look: Look, since: JsonValue | null): Promise<SourceChange> {
  const { client, outgoing, asking } = look;
  const before = readMark(since);
  const headers = {
    ...outgoing.headers,
    ...(before?.etag ? { "if-none-match": before.etag } : {}),
    ...(before?.lastModified ? { "if-modified-since": before.lastModified } : {}),
  };
  const conditional = before ? { ...asking, accept: NOT_MODIFIED } : asking;
  return await client.ask({ ...outgoing, headers }, conditional, async (reply) => {
    const { response } = reply;
    if (response.status === NOT_MODIFIED && before) {
      response.body.destroy();
      return { changed: false, mark: before };
    }
    const mark = await markOf(reply, look);
    return { changed: mark === null || before === null || !isSame(mark, before), mark };
  });
}

/** The mark of an answer; null for one that is not whole. */
async function markOf(reply: Reply, { rules, pager }: Look): Promise<ChangeMark | null> {
  const { response, timer, isEmpty } = reply;
  const given = { etag: response.header("etag"), lastModified: response.header("last-modified") };
  const isGiven = given.etag !== null || given.lastModified !== null;
  try {
    if (isEmpty) return { ...given, hash: isGiven ? null : "" };
    if (rules.paginate.kind === "single") {
      if (isGiven) return { ...given, hash: null };
      const hash = createHash("sha256");
      for await (const piece of decodedBody(response, timer, rules)) hash.update(piece);
      return { ...given, hash: hash.digest("base64url") };
    }
    if (rules.format !== "json") return null;
    const { document, hash } = await readJson(response, timer, rules);
    const records = recordsIn(document, rules).length;
    const came = { body: document, header: response.header, records };
    const { total: totalAt } = rules.paginate;
    const total = totalAt === undefined ? null : numberAt(came, totalAt, "rows");
    const next = pager.next({ ...came, place: pager.first, received: records, total });
    return next === undefined ? { ...given, hash: isGiven ? null : hash } : null;
  } finally {
    response.body.destroy();
  }
}

function isSame(mark: ChangeMark, before: ChangeMark): boolean {
  if (mark.etag !== null || before.etag !== null) return opaque(mark.etag) === opaque(before.etag);
  if (mark.lastModified !== null || before.lastModified !== null)
    return mark.lastModified === before.lastModified;
  return mark.hash === before.hash;
}

/** An ETag without what says that it stands for all forms of the same content. */
function opaque(etag: string | null): string | null {
  return etag?.replace(/^W\//, "") ?? null;
}

function readMark(value: JsonValue | null): ChangeMark | null {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return null;
  const { etag, lastModified, hash } = value as Partial<ChangeMark>;
  const isText = (text: unknown) => text === null || typeof text === "string";
  return isText(etag) && isText(lastModified) && isText(hash) ? (value as ChangeMark) : null;
}
