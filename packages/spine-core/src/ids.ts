import { randomFillSync } from "node:crypto";

const SIZE = 16;
/** Random bytes for many ids at a time: asking for them takes longer than all the rest. */
const pool = Buffer.alloc(256 * SIZE);
let used = pool.length;
let lastMs = 0;
let sequence = 0;

/**
 * A UUIDv7: sorts by creation time, also within one millisecond of one process (12 bits of sequence), so
 * that an index over ids grows at its end.
 */
export function newId(now: number = Date.now()): string {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  const bytes = pool.subarray(used, used + SIZE);
  used += SIZE;
  if (now > lastMs) {
    lastMs = now;
    sequence = bytes.readUInt16BE(6) & 0x7ff;
  } else {
    sequence += 1;
    // 4,096 ids in one millisecond: borrow from the next one rather than lose the order.
    if (sequence > 0xfff) {
      lastMs += 1;
      sequence = 0;
    }
  }
  bytes.writeUIntBE(lastMs, 0, 6);
  bytes.writeUInt16BE(0x7000 | sequence, 6);
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = bytes.toString("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
