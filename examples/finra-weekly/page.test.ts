import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { beforeAll, expect, test } from "vitest";
import { pageHandler } from "./page.ts";
import { temporaryFolder } from "./testing/command.ts";

let port = 0;
beforeAll(async () => {
  const folder = temporaryFolder();
  const page = join(folder.path, "page");
  mkdirSync(join(page, "assets"), { recursive: true });
  writeFileSync(join(folder.path, "secret.txt"), "not of the page");
  writeFileSync(join(page, "index.html"), "<!doctype html><title>Page</title>");
  writeFileSync(join(page, "assets/index-abc.js"), "console.log(1)");
  const server = createServer(pageHandler(page)).listen(0, "127.0.0.1");
  await once(server, "listening");
  port = (server.address() as AddressInfo).port;
  return () => {
    server.close();
    folder[Symbol.dispose]();
  };
});

/** Asks for the path as it is written: `fetch` would tidy it up. */
async function ask(path: string, method = "GET", headers: Readonly<Record<string, string>> = {}) {
  const asked = request({ host: "127.0.0.1", port, path, method, headers }).end();
  const [answer] = (await once(asked, "response")) as [import("node:http").IncomingMessage];
  const parts: Buffer[] = [];
  for await (const part of answer) parts.push(part as Buffer);
  return { status: answer.statusCode, headers: answer.headers, body: Buffer.concat(parts) };
}

test("serves the page under a policy that lets nothing else in", async () => {
  const { status, headers, body } = await ask("/?from=bookmark");
  expect([status, body.toString()]).toEqual([200, "<!doctype html><title>Page</title>"]);
  const policy = String(headers["content-security-policy"]);
  expect(policy).toMatch(/^default-src 'none'; /);
  expect(policy).not.toMatch(/unsafe|\*|https?:|data:/);
  expect(headers).toMatchObject({ "x-content-type-options": "nosniff", "cache-control": "no-cache" });
});

test("files whose names change with their content are kept, and sent packed", async () => {
  const { headers, body } = await ask("/assets/index-abc.js", "GET", { "accept-encoding": "br, gzip" });
  expect(headers).toMatchObject({
    "content-encoding": "gzip",
    "content-type": "text/javascript; charset=utf-8",
  });
  expect(headers["cache-control"]).toContain("immutable");
  expect(gunzipSync(body).toString()).toBe("console.log(1)");
  const head = await ask("/assets/index-abc.js", "HEAD");
  expect([head.status, head.headers["content-length"], head.body.length]).toEqual([200, "14", 0]);
});

test.each(["/../secret.txt", "/%2e%2e/secret.txt", "/assets/../../secret.txt", "/index.html/..", "//", "/x"])(
  "what is not of the page is not there: %s",
  async (path) => {
    const { status, body } = await ask(path);
    expect([status, body.toString()]).toEqual([404, "Not found\n"]);
  },
);

test("nothing can be sent to it", async () => {
  expect((await ask("/", "POST")).status).toBe(405);
});
