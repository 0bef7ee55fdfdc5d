import { createHash } from "node:crypto";
import { SourceError } from "spine-core";
import { difference } from "./header-check.ts";

/** What the headers of files that are read as one source agree on: the first one's names, in their order. */
export class HeaderOfFiles {
  #names: readonly string[] | null = null;
  #fingerprint: string | null;

  /** @param fingerprint of files that were read before, by a cursor */
  constructor(fingerprint: string | null = null) {
    this.#fingerprint = fingerprint;
  }

  /** Tells headers apart in a cursor; null before the first one. */
  get fingerprint(): string | null {
    return this.#fingerprint;
  }

  /** SOURCE_HEADER when these are not the names of the files before. */
  check(names: readonly string[]): void {
    const fingerprint = createHash("sha256").update(JSON.stringify(names)).digest("hex").slice(0, 16);
    this.#fingerprint ??= fingerprint;
    if (fingerprint !== this.#fingerprint) {
      const how = this.#names === null ? "It is another one." : difference(names, this.#names);
      throw new SourceError(`The header is not that of the files before. ${how}`, {
        code: "SOURCE_HEADER",
        detail: { found: names, expected: this.#names },
      });
    }
    this.#names ??= [...names];
  }
}
