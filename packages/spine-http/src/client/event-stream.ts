import type { Event } from "../wire/event.ts";
import { errorOf, isOf, type SpineHttpError } from "./http-error.ts";
import type { AnyRequest, SpineClient } from "./spine-client.ts";

export interface StreamOptions {
  readonly signal?: AbortSignal;
  /** The `id` of the last event that is known. */
  readonly lastEventId?: string;
  /** Of streams of many runs: the `seq` of the last event that is known of each; from their beginning when left out. */
  readonly after?: Readonly<Record<string, number>>;
  /** Told when a connection stands, and when it was cut: by then, what came in between is on its way. */
  readonly connected?: (isOpen: boolean) => void;
  /** How long to wait before a new connection, in ms; 500 when left out, twice as long after each failure, up to 10 s. */
  readonly retryMs?: number;
}

/** An event, and what a later stream goes on behind. */
export interface StreamedEvent extends Event {
  readonly id: string;
}
export type RunEvents = AsyncIterable<StreamedEvent>;

const LONGEST_RETRY_MS = 10_000;
/** Timers run out at once where it is more than 24 days. */
const LONGEST_ASKED_MS = 3_600_000;
/** Of a stream that is alive something is heard every 15 s: one that says nothing for longer is connected anew. */
const SILENCE_MS = 45_000;

/** Runs by their ids, or those of a pipeline. */
export type StreamedRuns = string | readonly string[] | { readonly pipeline: string };

/** Reads streams one after another until all runs have ended; those of a pipeline until `signal`. */
export async function* streamEvents(
  send: SpineClient["send"],
  runs: StreamedRuns,
  options: StreamOptions = {},
): AsyncGenerator<StreamedEvent, void, undefined> {
  const { signal, retryMs = 500, connected } = options;
  const [path, request, ids] = requestOf(runs, options.after);
  let last = options.lastEventId;
  let failures = 0;
  const ended = new Set<string>();
  const isOver = () => signal?.aborted || (ids !== null && ended.size === ids.size);
  while (!isOver()) {
    let asked = 0;
    let isOpen = false;
    const leaving = new AbortController();
    const leave = () => leaving.abort();
    signal?.addEventListener("abort", leave);
    try {
      const headers = {
        accept: "text/event-stream",
        ...(last === undefined ? {} : { "last-event-id": last }),
      };
      const response = await send("GET", path, { ...request, headers, signal: leaving.signal });
      if (response.status === 204) return;
      if (!response.ok || !isOf(response, "text/event-stream")) throw await errorOf(response);
      const opened = () => {
        if (!isOpen) connected?.(true);
        isOpen = true;
      };
      for await (const { id, event, data } of framesOf(response, leaving, opened)) {
        if (id !== undefined) last = id;
        failures = 0;
        if (event === "end") ended.add((JSON.parse(data) as Event).execution_id);
        else yield { ...(JSON.parse(data) as Event), id: id ?? "" };
      }
    } catch (error) {
      const { status, retryAfter } = error as Partial<SpineHttpError>;
      // What is refused is refused again; what fails may come back.
      if (status !== undefined && status < 500 && status !== 429) throw error;
      asked = Math.min((retryAfter ?? 0) * 1_000, LONGEST_ASKED_MS);
    } finally {
      if (isOpen) connected?.(false);
      signal?.removeEventListener("abort", leave);
      leaving.abort();
    }
    if (isOver()) return;
    await pause(Math.max(Math.min(retryMs * 2 ** failures, LONGEST_RETRY_MS), asked), signal);
    failures = Math.min(failures + 1, 10);
  }
}

/** What is asked for, and the runs whose ends are waited for. */
function requestOf(
  runs: StreamedRuns,
  after: StreamOptions["after"],
): readonly [path: string, AnyRequest, ids: ReadonlySet<string> | null] {
  if (typeof runs === "string") return ["/pipelines/events/{id}", { params: { id: runs } }, new Set([runs])];
  if ("pipeline" in runs) return ["/events", { query: { pipeline: runs.pipeline } }, null];
  const known = after ? { after: runs.map((id) => after[id] ?? 0) } : {};
  return ["/events", { query: { run: runs, ...known } }, new Set(runs)];
}

interface Frame {
  readonly id: string | undefined;
  readonly event: string;
  readonly data: string;
}

/** The events in an answer, each once it is whole. */
async function* framesOf(
  response: Response,
  leaving: AbortController,
  /** Called with each part that comes: what stands between may hold an answer back, so that its headers say nothing. */
  arrived: () => void,
): AsyncGenerator<Frame, void, undefined> {
  if (!response.body) return;
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  let text = "";
  for (;;) {
    const silence = setTimeout(() => leaving.abort(), SILENCE_MS);
    const { done, value } = await reader.read().finally(() => clearTimeout(silence));
    if (done) return;
    arrived();
    text += decoder.decode(value, { stream: true });
    for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
      const frame = readFrame(text.slice(0, end));
      text = text.slice(end + 2);
      if (frame) yield frame;
    }
  }
}

/** Null for a comment. */
function readFrame(text: string): Frame | null {
  const fields = new Map<string, string>();
  for (const line of text.split("\n")) {
    const colon = line.indexOf(":");
    if (colon > 0) fields.set(line.slice(0, colon), line.slice(colon + 1).replace(/^ /, ""));
  }
  const data = fields.get("data");
  return data === undefined ? null : { id: fields.get("id"), event: fields.get("event") ?? "message", data };
}

function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    function done() {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    }
    signal?.addEventListener("abort", done);
  });
}
