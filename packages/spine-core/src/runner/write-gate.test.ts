import { expect, test } from "vitest";
import { WriteGate } from "./write-gate.ts";

function work(log: string[], name: string) {
  const done = Promise.withResolvers<void>();
  return {
    finish: done.resolve,
    fail: () => done.reject(new Error(name)),
    run: async () => {
      log.push(`${name} begins`);
      await done.promise.finally(() => log.push(`${name} ends`));
    },
  };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

test("writes go beside each other, a transaction alone, in the order of asking", async () => {
  const gate = new WriteGate();
  const log: string[] = [];
  const [a, b, transaction, c, d] = ["a", "b", "t", "c", "d"].map((name) => work(log, name)) as [
    ReturnType<typeof work>,
    ReturnType<typeof work>,
    ReturnType<typeof work>,
    ReturnType<typeof work>,
    ReturnType<typeof work>,
  ];
  const all = [
    gate.share(a.run),
    gate.share(b.run),
    gate.alone(transaction.run),
    gate.share(c.run),
    gate.share(d.run),
  ];
  await settled();
  expect(log).toEqual(["a begins", "b begins"]);
  a.finish();
  await settled();
  expect(log).toEqual(["a begins", "b begins", "a ends"]);
  b.finish();
  await settled();
  expect(log.slice(3)).toEqual(["b ends", "t begins"]);
  transaction.finish();
  await settled();
  expect(log.slice(5)).toEqual(["t ends", "c begins", "d begins"]);
  c.finish();
  d.finish();
  await Promise.all(all);
});

test("what fails lets the next one in", async () => {
  const gate = new WriteGate();
  const log: string[] = [];
  const [bad, next] = [work(log, "bad"), work(log, "next")];
  const failing = gate.alone(bad.run);
  const waiting = gate.alone(next.run);
  bad.fail();
  await expect(failing).rejects.toThrow("bad");
  next.finish();
  await waiting;
  expect(log).toEqual(["bad begins", "bad ends", "next begins", "next ends"]);
});
