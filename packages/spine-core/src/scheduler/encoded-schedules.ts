import type { DatabaseTransaction } from "../database/database-transaction.ts";
import { decodeJson } from "../json.ts";
import { decodePayload, encodePayload, type PayloadCodec } from "../payload-codec.ts";
import type {
  LookRequest,
  ScheduleLook,
  ScheduleRow,
  ScheduleStore,
  SettledSchedules,
  Settlement,
  TickQuery,
  TickRow,
} from "./schedule-store.ts";

type Texts = Pick<ScheduleRow, "settings" | "declared">;

/** A store of schedules before another one, which gets what they are encoded: with the parameters of their runs. */
export class EncodedSchedules implements ScheduleStore {
  readonly #store: ScheduleStore;
  readonly #codec: PayloadCodec;

  constructor(store: ScheduleStore, codec: PayloadCodec) {
    this.#store = store;
    this.#codec = codec;
  }

  async add(row: Omit<ScheduleRow, "version" | "createdAt" | "updatedAt">): Promise<boolean> {
    return await this.#store.add({ ...row, ...this.#encoded(row.name, row) });
  }

  async list(names?: readonly string[]): Promise<readonly ScheduleRow[]> {
    return (await this.#store.list(names)).map((row) => this.#decoded(row));
  }

  async look(request: LookRequest): Promise<ScheduleLook> {
    const look = await this.#store.look(request);
    return { ...look, due: look.due.map((each) => ({ ...each, row: this.#decoded(each.row) })) };
  }

  async settle(
    transaction: DatabaseTransaction,
    settlements: readonly Settlement[],
  ): Promise<SettledSchedules> {
    const encoded = settlements.map((each) =>
      each.definition
        ? { ...each, definition: { ...each.definition, ...this.#encoded(each.name, each.definition) } }
        : each,
    );
    return await this.#store.settle(transaction, encoded);
  }

  now(): Promise<number> {
    return this.#store.now();
  }

  ticks(name: string, query: TickQuery): Promise<readonly TickRow[]> {
    return this.#store.ticks(name, query);
  }

  remove(name: string, version?: number): Promise<boolean> {
    return this.#store.remove(name, version);
  }

  prune(options: { readonly before: number; readonly limit: number }): Promise<number> {
    return this.#store.prune(options);
  }

  #encoded(name: string, { settings, declared }: Texts): Texts {
    const encode = (text: string) => encodePayload(this.#codec, text, aboutOf(name));
    return { settings: encode(settings), declared: declared === null ? null : encode(declared) };
  }

  /** What cannot be read with the keys of this process stays as it is: whoever needs it says so. */
  #decoded(row: ScheduleRow): ScheduleRow {
    const decode = (text: string) => {
      try {
        return JSON.stringify(decodePayload(this.#codec, decodeJson(text), aboutOf(row.name)));
      } catch {
        return text;
      }
    };
    return {
      ...row,
      settings: decode(row.settings),
      declared: row.declared === null ? null : decode(row.declared),
    };
  }
}

function aboutOf(name: string): string {
  return JSON.stringify(["schedule", name]);
}
