let last = 0;

/** The number of a write: it grows with every write of this process, and from one process of a worker to the next. */
export function nextWriteSeq(): number {
  last = Math.max(last + 1, Date.now() * 1000);
  return last;
}

/** A run was written under this number, by a clock that is ahead of ours: what is written from now on comes behind it. */
export function comeBehind(writeSeq: number): void {
  last = Math.max(last, writeSeq);
}
