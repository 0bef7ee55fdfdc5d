import fc from "fast-check";

/** A place in bytes, as a part of all of them. */
export const cutAt = fc.double({ min: 0, max: 1, noNaN: true });

/** Changes of bytes, as transfers, editors and disks make them. */
export const mutations = fc.array(
  fc.tuple(
    fc.constantFrom("cut", "insert", "replace", "remove", "double"),
    cutAt,
    fc.constantFrom(
      ..."\"'|,;\n\r\0 \t1a".split("").map((char) => char.charCodeAt(0)),
      0xff,
      0xc3,
      0x80,
      0xef,
      0xbb,
      0xbf,
    ),
  ),
  { maxLength: 4 },
);

export function mutate(bytes: Buffer, changes: readonly (readonly [string, number, number])[]): Buffer {
  let all = bytes;
  for (const [kind, where, byte] of changes) {
    const at = Math.floor(where * all.length);
    const [before, after] = [all.subarray(0, at), all.subarray(at)];
    if (kind === "cut") all = Buffer.from(before);
    else if (kind === "insert") all = Buffer.concat([before, Buffer.from([byte]), after]);
    else if (kind === "replace") all = Buffer.concat([before, Buffer.from([byte]), after.subarray(1)]);
    else if (kind === "remove") all = Buffer.concat([before, after.subarray(1 + (byte % 5))]);
    else all = Buffer.concat([all, after]);
  }
  return all;
}
