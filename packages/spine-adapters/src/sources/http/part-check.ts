import { createHash } from "node:crypto";
import { type BodyPart, sourceChanged } from "./http-cursor.ts";

/** Compares the beginning of a body with what was delivered of it before, and makes the same of what is delivered now. */
export class PartCheck {
  readonly #before: BodyPart | undefined;
  readonly #hash = createHash("sha256");
  #bytes = 0;
  #isChecked: boolean;

  constructor(before: BodyPart | undefined) {
    this.#before = before;
    this.#isChecked = before === undefined;
  }

  /** False as long as less came than was read before: until then nothing more of it may be delivered. */
  get isChecked(): boolean {
    return this.#isChecked;
  }

  /** Takes the next bytes. SOURCE_CHANGED where they are not those of the first time. */
  take(piece: Buffer): void {
    const { bytes: most, hash } = this.#before ?? { bytes: 0, hash: "" };
    if (!this.#isChecked && this.#bytes + piece.length >= most) {
      const inside = most - this.#bytes;
      this.#hash.update(piece.subarray(0, inside));
      if (this.#hash.copy().digest("base64url") !== hash) throw answerChanged();
      this.#isChecked = true;
      this.#hash.update(piece.subarray(inside));
    } else {
      this.#hash.update(piece);
    }
    this.#bytes += piece.length;
  }

  /** The end of the body. SOURCE_CHANGED where it is shorter than it was. */
  end(): void {
    if (!this.#isChecked) throw answerChanged();
  }

  /** What was read by now, with so many records of it delivered. */
  after(records: number): BodyPart {
    return { records, bytes: this.#bytes, hash: this.#hash.copy().digest("base64url") };
  }
}

export function answerChanged() {
  return sourceChanged("The answer is not the one whose first rows were read before.");
}
