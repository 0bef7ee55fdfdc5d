import { expect, test } from "vitest";
import { jsonLogger, type LogFields, redactingLogger } from "./logger.ts";
import { redaction } from "./redaction.ts";

const cycle: Record<string, unknown> = { n: 1 };
cycle.self = cycle;
const throwing = {
  get boom() {
    throw new Error("no");
  },
};
const revoked = Proxy.revocable({}, {});
revoked.revoke();

test.each([
  ["a BigInt", { n: 1n }, '"n":"1"'],
  ["an error", { error: new Error("why") }, '"error":"why"'],
  ["a cycle", cycle, "left out"],
  ["a getter that throws", throwing, "left out"],
  ["a toJSON that throws", { a: { toJSON: () => throwing.boom } }, "left out"],
  ["what answers nothing", { a: revoked.proxy }, "left out"],
])("logging %s throws nothing, and the message is logged", (_name, fields, says) => {
  const lines: string[] = [];
  const plain = jsonLogger("DEBUG", (line) => lines.push(line));
  const secrets = redaction([{ reference: "env:A", value: "hunter22" }]);
  if (secrets === null) throw new Error("there is a secret");
  for (const logger of [plain, redactingLogger(plain, secrets)]) {
    logger.info("the message", fields as LogFields);
    expect(JSON.parse(lines.at(-1) ?? "")).toMatchObject({ level: "INFO", message: "the message" });
    expect(lines.at(-1)).toContain(says);
  }
});

test.each([[new Error("boom")], [undefined], [7n], [Symbol("s")], [cycle], [{ revoked: revoked.proxy }]])(
  "a message that is no text throws nothing",
  (message) => {
    const lines: string[] = [];
    jsonLogger("DEBUG", (line) => lines.push(line)).error(message as never);
    expect(JSON.parse(lines[0] ?? "")).toMatchObject({ message: expect.any(String) });
  },
);
