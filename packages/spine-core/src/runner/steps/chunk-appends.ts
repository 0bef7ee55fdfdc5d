import type { ChunkWrite, DatasetState, DatasetStore, DatasetWriter } from "../../data/dataset.ts";

export interface ChunkAppendsOptions {
  readonly datasets: DatasetStore;
  readonly writer: DatasetWriter;
  /** What is stored already. */
  readonly state: DatasetState;
  /** True: the next chunk is made while one is being stored. It may have to be made again then, after a crash. */
  readonly ahead: boolean;
}

interface Storing {
  readonly state: Promise<DatasetState>;
  readonly stored: (state: DatasetState) => void;
}

/** Appends chunks to a dataset, one behind the other. */
export class ChunkAppends {
  readonly #options: ChunkAppendsOptions;
  #state: DatasetState;
  #storing: Storing | undefined;

  constructor(options: ChunkAppendsOptions) {
    this.#options = options;
    this.#state = options.state;
  }

  /** Begins to store a chunk, once the one before is stored. @param stored is called when it is. */
  async add(chunk: Omit<ChunkWrite, "index">, stored: (state: DatasetState) => void): Promise<void> {
    const { dataset, chunks: index } = await this.end();
    const { datasets, writer, ahead } = this.#options;
    const state = datasets.append(writer, dataset, { ...chunk, index });
    // Whoever comes next is told.
    state.catch(() => {});
    this.#storing = { state, stored };
    if (!ahead) await this.end();
  }

  /** All chunks are stored. */
  async end(): Promise<DatasetState> {
    const storing = this.#storing;
    if (!storing) return this.#state;
    this.#state = await storing.state;
    this.#storing = undefined;
    storing.stored(this.#state);
    return this.#state;
  }

  /** Nothing is on its way any more, whatever became of it: nobody else finds it in his way. */
  async settled(): Promise<void> {
    await this.#storing?.state.catch(() => {});
  }
}
