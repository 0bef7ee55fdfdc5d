import { expect, test } from "vitest";
import { newId } from "./ids.ts";

test("ids are UUIDv7, unique, and sort in the order in which they were made", () => {
  const ids = Array.from({ length: 20_000 }, () => newId());
  expect(new Set(ids).size).toBe(ids.length);
  expect([...ids].sort()).toEqual(ids);
  for (const id of ids.slice(0, 100)) {
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  }
});

test("order holds when the clock stands still or goes back", () => {
  const now = Date.now() + 60_000;
  const ids = [newId(now), newId(now), newId(now - 5_000), newId(now + 1)];
  expect([...ids].sort()).toEqual(ids);
});
