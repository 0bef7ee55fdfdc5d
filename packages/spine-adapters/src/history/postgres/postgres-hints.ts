import { createHash } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type { Client } from "pg";
import { type Hint, type Hints, newId } from "spine-core";
import type { PostgresPools } from "../../databases/postgres/postgres-pools.ts";
import { Followers } from "./followers.ts";
import { type HintMessage, hintIn, readMessage, textsOf } from "./hint-message.ts";
import type { KeptConnection } from "./kept-connection.ts";
import { PendingHints } from "./pending-hints.ts";

/** How often to look where we are told of everything, and where we are told of nothing. */
const POLL_MS = { told: 5_000, alone: 200 } as const;
/** Between two times of telling; what there is to tell meanwhile is told together. */
const GATHER_MS = 5;
/** How often a follower says that he still is one. */
const REPEAT_MS = 20_000;
/** What we say ourselves is heard within this time, or LISTEN does not work here. */
const ECHO_MS = 2_000;
const CLOSE_MS = 1_000;

// One at a time for the whole database: a commit that notifies holds a lock that all such commits need. So it does not
// wait for the disk, and it is never one that writes runs.
const NOTIFY = `SELECT set_config('synchronous_commit', 'off', true), pg_notify($1, text)
FROM unnest($2::text[]) AS text`;

export interface PostgresHintsOptions {
  readonly pools: PostgresPools;
  /** The connection on which it listens. */
  readonly listening: KeptConnection;
  /** Called when LISTEN turned out not to work: sessions are shared here. */
  readonly onPooler: () => Promise<void>;
}

/** Hints by LISTEN and NOTIFY; none behind a pooler that shares sessions. */
export class PostgresHints implements Hints {
  readonly #options: PostgresHintsOptions;
  readonly #me = newId();
  readonly #channel: string;
  readonly #pending = new PendingHints();
  readonly #followers = new Followers();
  #call: ((hint: Hint) => void) | undefined;
  #follows = false;
  #repeating: NodeJS.Timeout | undefined;
  #sending: Promise<void> | undefined;
  /** The connection of which it is proven that we hear what is told. */
  #proven: Client | undefined;
  #attended: Client | undefined;
  /** True once `listen` has returned: whatever is heard from then on has to be complete. */
  #isListening = false;
  #echo: { readonly text: string; readonly heard: () => void } | undefined;
  #isClosed = false;

  constructor(options: PostgresHintsOptions) {
    this.#options = options;
    this.#channel = channelOf(options.pools.settings.schema);
  }

  get pollMs(): number {
    return this.#proven ? POLL_MS.told : POLL_MS.alone;
  }

  async listen(call: (hint: Hint) => void): Promise<void> {
    this.#call = call;
    const { pools, listening } = this.#options;
    if (pools.isPooled || this.#isClosed) return;
    listening.stays = true;
    try {
      const client = await listening.connected();
      // It may have been opened for its locks before.
      if (this.#attended !== client) await this.attend(client);
    } catch {
      // The database is away. The connection is made as soon as it can be, and until then we look often.
    }
    this.#isListening = true;
  }

  /** Listens on a new connection: the first one, or one in place of one that was lost. */
  async attend(client: Client): Promise<void> {
    if (!this.#call || this.#isClosed || this.#options.pools.isPooled) return;
    this.#attended = client;
    client.on("notification", ({ payload }) => this.#hear(payload));
    client.on("end", () => {
      if (this.#proven === client) this.#proven = undefined;
    });
    await this.#options.listening.ask(client, `LISTEN "${this.#channel}"`);
    void this.#prove(client);
    this.#send({ hello: true, ...(this.#follows ? { follows: true } : {}) });
    // Between two connections nobody told us anything.
    if (this.#isListening) this.#call({ work: true, changed: "any" });
  }

  /** Tells the listener of this process something that it found out by itself. */
  wake(hint: Hint): void {
    if (!this.#isClosed) this.#call?.(hint);
  }

  follow(wanted: boolean): void {
    if (this.#follows === wanted || this.#isClosed) return;
    this.#follows = wanted;
    clearInterval(this.#repeating);
    if (wanted) {
      this.#repeating = setInterval(() => this.#send({ follows: true }), REPEAT_MS);
      this.#repeating.unref();
    }
    this.#send({ follows: wanted });
  }

  tell(hint: Hint): void {
    if (this.#isClosed || this.#options.pools.isPooled) return;
    const { changed, ...others } = hint;
    if (changed !== undefined) this.#followers.changed(changed);
    this.#pending.add(this.#followers.isAny ? hint : others);
    this.#sending ??= this.#sendPending();
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    if (this.#follows) this.follow(false);
    // What was told before is sent; a database that is away must not keep us.
    await Promise.race([this.#sending, delay(CLOSE_MS, undefined, { ref: false })]);
    this.#isClosed = true;
    clearInterval(this.#repeating);
    this.#call = undefined;
    this.#proven = undefined;
    const { listening } = this.#options;
    listening.stays = false;
    const client = this.#attended;
    if (client !== (await listening.current()) || !client) return;
    // The connection may have to stay for the locks on it.
    const silent = listening.ask(client, `UNLISTEN "${this.#channel}"`).catch(() => {});
    await Promise.race([silent, delay(CLOSE_MS, undefined, { ref: false })]);
  }

  async #sendPending(): Promise<void> {
    // The first one goes as soon as this process has said all that it has to say now; what follows gathers.
    await new Promise((resolve) => setImmediate(resolve));
    for (let hint = this.#pending.take(); hint; hint = this.#pending.take()) {
      const next = performance.now() + GATHER_MS;
      await this.#notify({ from: this.#me, ...(hint as Omit<HintMessage, "from">) });
      await reach(next);
    }
    this.#sending = undefined;
  }

  #send(message: Omit<HintMessage, "from">): void {
    if (!this.#options.pools.isPooled) void this.#notify({ from: this.#me, ...message });
  }

  /** True when the server has taken it. What cannot be told is lost: the others look. */
  async #notify(message: HintMessage): Promise<boolean> {
    try {
      await this.#options.pools.query("write", NOTIFY, [this.#channel, textsOf(message)]);
      return true;
    } catch {
      return false;
    }
  }

  #hear(payload: string | undefined): void {
    const message = readMessage(payload);
    if (!message || this.#isClosed) return;
    if (message.from === this.#me) {
      if (message.echo !== undefined && message.echo === this.#echo?.text) this.#echo.heard();
      return;
    }
    if (message.hello && this.#follows) this.#send({ follows: true });
    if (message.follows !== undefined && this.#followers.note(message.from, message.follows)) {
      // It may have begun to look before it said so, and missed what happened between.
      const changed = this.#followers.recent();
      if (changed !== undefined) this.tell({ changed });
    }
    const hint = hintIn(message, this.#follows);
    if (hint) this.#call?.(hint);
  }

  /** Finds out whether what is told arrives on a connection. */
  async #prove(client: Client): Promise<void> {
    const heard = Promise.withResolvers<void>();
    const text = newId();
    this.#echo = { text, heard: () => heard.resolve() };
    let isProven = false;
    void heard.promise.then(() => {
      isProven = true;
      if (!this.#isClosed) this.#proven = client;
    });
    try {
      while (!(await this.#notify({ from: this.#me, echo: text }))) {
        await delay(ECHO_MS, undefined, { ref: false });
        if (this.#isClosed || this.#echo?.text !== text) return;
      }
      await Promise.race([heard.promise, delay(ECHO_MS, undefined, { ref: false })]);
      // A process that was busy may have it unread: it comes before the answer to whatever is asked now.
      if (!isProven) await this.#options.listening.ask(client, "SELECT 1");
    } catch {
      // This connection is gone; the next one is tried again.
      return;
    }
    if (isProven || this.#isClosed || this.#echo?.text !== text) return;
    await this.#options.onPooler();
  }
}

/** Waits for a time; a timer of Node may be early. */
async function reach(time: number): Promise<void> {
  for (let left = time - performance.now(); left > 0; left = time - performance.now()) {
    await delay(Math.ceil(left), undefined, { ref: false });
  }
}

/** One for each schema. A channel's name has at most 63 bytes. */
function channelOf(schema: string): string {
  if (schema.length <= 50) return `spine_${schema}`;
  return `spine_${createHash("sha256").update(schema).digest("hex").slice(0, 40)}`;
}
