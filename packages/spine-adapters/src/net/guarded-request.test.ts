import { type LookupAddress, lookup } from "node:dns";
import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { SpineError } from "spine-core";
import { describe, expect, onTestFinished, test } from "vitest";
import { type FindAddresses, guardedAgent } from "./guarded-agent.ts";
import { guardedRequest } from "./guarded-request.ts";
import type { NetRules } from "./net-rules.ts";

/** A server that must not be reached: it counts who connects, on IPv4 and IPv6. */
async function sentinel(redirectTo?: (host: string) => string) {
  let connections = 0;
  const seen: Readonly<Record<string, unknown>>[] = [];
  const server = createServer((incoming, response) => {
    seen.push({ url: incoming.url, method: incoming.method, ...incoming.headers });
    const location = redirectTo?.(incoming.headers.host ?? "");
    if (location === undefined || incoming.url === "/end") response.end("reached");
    else response.writeHead(Number(incoming.url?.slice(1)) || 302, { location }).end();
  });
  server.on("connection", () => {
    connections += 1;
  });
  await new Promise<void>((resolve) => server.listen(0, "::", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { port, seen, connections: () => connections };
}

async function ask(
  url: string,
  rules: NetRules = {},
  more: {
    readonly headers?: Record<string, string>;
    readonly find?: FindAddresses;
    readonly body?: string;
  } = {},
): Promise<string> {
  const agent = guardedAgent({ rules, connectMs: 2_000, ...(more.find ? { findAddresses: more.find } : {}) });
  try {
    const response = await guardedRequest(agent, rules, {
      url: new URL(url),
      method: more.body === undefined ? "GET" : "POST",
      headers: more.headers ?? {},
      body: more.body,
      signal: AbortSignal.timeout(5_000),
    });
    let text = "";
    for await (const piece of response.body) text += String(piece);
    return `${response.status} ${text}`;
  } finally {
    await agent.close();
  }
}

/** Names that anybody may have in his DNS, with what they lead to. */
const NAMES: Readonly<Record<string, readonly string[]>> = {
  // Not every system knows it, but many do.
  "localhost.": ["127.0.0.1"],
  "127.0.0.1.nip.io": ["127.0.0.1"],
  "localtest.me": ["127.0.0.1"],
  "spoofed.example": ["::1"],
  "mapped.example": ["::ffff:127.0.0.1"],
  "nat64.example": ["64:ff9b::7f00:1"],
  "intranet.example": ["10.1.2.3"],
  "mixed.example": ["8.8.8.8", "127.0.0.1"],
  "metadata.google.internal": ["169.254.169.254"],
  "zone.example": ["fe80::1%eth0"],
  "ula.example": ["fd00::1"],
  "any.example": ["0.0.0.0"],
};
const find: FindAddresses = (hostname, options, callback) => {
  const known = NAMES[hostname];
  if (!known) return lookup(hostname, options, callback);
  callback(
    null,
    known.map((address): LookupAddress => ({ address, family: address.includes(":") ? 6 : 4 })),
  );
};

/** Ways to write a place that is none of the open internet; `PORT` is the sentinel's. */
const CORPUS = `
http://127.0.0.1:PORT/ http://127.1:PORT/ http://127.0.1:PORT/ http://127.255.255.254:PORT/ http://0x7f.1:PORT/ http://0x7f000001:PORT/
http://0x7F.0x0.0x0.0x1:PORT/ http://2130706433:PORT/ http://017700000001:PORT/ http://0177.0.0.1:PORT/ http://0177.0.0.01:PORT/
http://00000177.1:PORT/ http://127.000.000.001:PORT/ http://127.0.0.1.:PORT/ http://①②⑦.⓪.⓪.①:PORT/ http://１２７.０.０.１:PORT/
http://127。0。0。1:PORT/ http://127．0．0．1:PORT/ http://%31%32%37.0.0.1:PORT/ http://127.0.0.1%2e:PORT/ http://0:PORT/ http://0.0.0.0:PORT/
http://0x0:PORT/ http://000:PORT/ http://0.1:PORT/ http://localhost:PORT/ http://localhost.:PORT/ http://LOCALHOST:PORT/ http://LocalHost:PORT/
http://lo%63alhost:PORT/ http://ｌｏｃａｌｈｏｓｔ:PORT/ http://lo­calhost:PORT/ http://[::1]:PORT/ http://[::]:PORT/ http://[0:0:0:0:0:0:0:1]:PORT/
http://[0000:0000:0000:0000:0000:0000:0000:0001]:PORT/ http://[::ffff:127.0.0.1]:PORT/ http://[::ffff:7f00:1]:PORT/ http://[::FFFF:7F00:0001]:PORT/
http://[0:0:0:0:0:ffff:127.0.0.1]:PORT/ http://[::127.0.0.1]:PORT/ http://[::7f00:1]:PORT/ http://[::ffff:0:127.0.0.1]:PORT/
http://[64:ff9b::7f00:1]:PORT/ http://[64:ff9b::127.0.0.1]:PORT/ http://[64:ff9b:1::7f00:1]:PORT/ http://[2002:7f00:1::]:PORT/
http://[2002:7f00:0001::1]:PORT/ http://[2001:0:7f00:1::]:PORT/ http://[fe80::1]:PORT/ http://[febf::1]:PORT/ http://[fec0::1]:PORT/ http://[fc00::1]:PORT/
http://[fd12:3456:789a::1]:PORT/ http://[ff02::1]:PORT/ http://[ff05::1:3]:PORT/ http://[100::1]:PORT/ http://[2001:db8::1]:PORT/ http://[3fff::1]:PORT/
http://[5f00::1]:PORT/ http://[fd00:ec2::254]/ http://[::ffff:169.254.169.254]/ http://10.0.0.1/ http://10.255.255.255/ http://172.16.0.1/
http://172.31.255.255/ http://192.168.0.1/ http://192.168.1.1:8080/ http://169.254.169.254/latest/meta-data/ http://169.254.0.1/ http://0xa9fea9fe/
http://2852039166/ http://169.254.43518/ http://0251.0376.0251.0376/ http://169.254.170.2/v2/credentials http://100.100.100.200/latest/
http://168.63.129.16/machine http://192.0.0.192/opc/v2/ http://100.64.0.1/ http://100.127.255.255/ http://192.0.0.1/ http://192.0.2.1/ http://192.88.99.1/
http://198.18.0.1/ http://198.19.255.255/ http://198.51.100.7/ http://203.0.113.9/ http://224.0.0.1/ http://239.255.255.250:1900/ http://240.0.0.1/
http://255.255.255.255/ http://user@127.0.0.1:PORT/ http://example.com@127.0.0.1:PORT/ http://user:pass@localhost:PORT/ http://127.0.0.1:PORT@localhost:PORT/
http://127.0.0.1.nip.io:PORT/ http://localtest.me:PORT/ http://spoofed.example:PORT/ http://mapped.example:PORT/ http://nat64.example:PORT/
http://intranet.example/ http://mixed.example:PORT/ http://metadata.google.internal/ http://zone.example:PORT/ http://ula.example:PORT/ http://any.example:PORT/
http:127.0.0.1:PORT http:/127.0.0.1:PORT/ http:\\\\127.0.0.1:PORT\\ //127.0.0.1:PORT/ ftp://127.0.0.1:PORT/ file:///etc/passwd gopher://127.0.0.1:PORT/_GET
data:text/plain,x javascript:alert(1) ws://127.0.0.1:PORT/ blob:http://127.0.0.1:PORT/x unix:/var/run/docker.sock dict://127.0.0.1:PORT/ about:blank
`
  .trim()
  .split(/\s+/);

test("no way to write it leads to an address that is not of the open internet", async () => {
  const { port, connections } = await sentinel();
  expect(CORPUS.length).toBeGreaterThanOrEqual(120);
  for (const text of CORPUS) {
    const url = text.replaceAll("PORT", String(port));
    const outcome = await ask(url, {}, { find }).catch((error: unknown) => error);
    // What is no URL at all reaches nobody either.
    if (!URL.canParse(url)) expect(outcome, url).toBeInstanceOf(TypeError);
    else
      expect(SpineError.is(outcome) && outcome.code, `${url}: ${String(outcome)}`).toBe("PERMISSION_DENIED");
  }
  expect(connections()).toBe(0);
  // The sentinel does notice who comes.
  connect(port, "127.0.0.1").end();
  await expect.poll(connections).toBe(1);
});

test("a redirect is checked like any URL", async () => {
  const target = await sentinel();
  for (const text of CORPUS) {
    const location = text.replaceAll("PORT", String(target.port));
    const server = await sentinel(() => encodeURI(location).replaceAll("%25", "%"));
    const rules = { allowHosts: ["allowed.example"] };
    const outcome = await ask(`http://allowed.example:${server.port}/302`, rules, {
      find: (hostname, options, callback) => {
        if (hostname === "allowed.example") callback(null, [{ address: "127.0.0.1", family: 4 }]);
        else find(hostname, options, callback);
      },
    }).catch((error: unknown) => error);
    // A text that is no URL is not followed: the redirect itself is the answer.
    if (SpineError.is(outcome)) expect(outcome.code, location).toBe("PERMISSION_DENIED");
    else expect(String(outcome), location).toMatch(/^302 /);
  }
  expect(target.connections()).toBe(0);
});

test("a name that answers differently each time gains nothing: what is checked is what is connected to", async () => {
  const { port, connections } = await sentinel();
  let asked = 0;
  const rebinding: FindAddresses = (_hostname, _options, callback) => {
    asked += 1;
    callback(null, [{ address: asked % 2 === 1 ? "127.0.0.1" : "10.0.0.1", family: 4 }]);
  };
  for (let round = 1; round <= 10; round += 1) {
    await expect(ask(`http://rebind.example:${port}/`, {}, { find: rebinding })).rejects.toMatchObject({
      code: "PERMISSION_DENIED",
    });
    // Looked up once for each connection: there is no second answer to be trusted.
    expect(asked).toBe(round);
  }
  expect(connections()).toBe(0);
});

describe("what is allowed", () => {
  test("a host by its name, whatever its address is", async () => {
    const { port } = await sentinel();
    for (const host of ["127.0.0.1", "localhost", "LOCALHOST", "localhost."]) {
      expect(await ask(`http://${host}:${port}/`, { allowHosts: ["127.0.0.1", "localhost"] }, { find })).toBe(
        "200 reached",
      );
    }
    await expect(ask(`http://127.0.0.1:${port}/`, { allowHosts: ["localhost"] })).rejects.toThrow(/loopback/);
  });

  test("private addresses together, except those at which clouds hand out credentials", async () => {
    const { port } = await sentinel();
    expect(await ask(`http://localhost:${port}/`, { allowPrivate: true })).toBe("200 reached");
    for (const host of [
      "169.254.169.254",
      "[fd00:ec2::254]",
      "100.100.100.200",
      "[::ffff:169.254.169.254]",
    ]) {
      await expect(ask(`http://${host}/`, { allowPrivate: true })).rejects.toThrow(/metadata/);
    }
  });

  test("only the ports that are named, where any are", async () => {
    const { port } = await sentinel();
    const rules = { allowHosts: ["127.0.0.1"], ports: [443, port] };
    expect(await ask(`http://127.0.0.1:${port}/`, rules)).toBe("200 reached");
    await expect(ask(`http://127.0.0.1:${port + 1}/`, rules)).rejects.toThrow(/Port/);
    await expect(ask("http://127.0.0.1/", rules)).rejects.toThrow(/Port 80/);
  });
});

describe("redirects", () => {
  const rules = { allowHosts: ["127.0.0.1", "localhost"] };
  const headers = { authorization: "Bearer canary", "x-api-key": "canary", accept: "text/plain" };

  test("keep the headers within an origin, and nothing that is secret across origins", async () => {
    const same = await sentinel(() => "/end");
    expect(await ask(`http://127.0.0.1:${same.port}/302`, rules, { headers })).toBe("200 reached");
    expect(same.seen[1]).toMatchObject(headers);
    const other = await sentinel(() => `http://localhost:${same.port}/end`);
    expect(await ask(`http://127.0.0.1:${other.port}/307`, rules, { headers })).toBe("200 reached");
    expect(same.seen[2]).toMatchObject({ accept: "text/plain" });
    expect(JSON.stringify(same.seen[2])).not.toContain("canary");
  });

  test("end after three", async () => {
    const server = await sentinel(() => "/302");
    expect(await ask(`http://127.0.0.1:${server.port}/302`, rules)).toBe("302 ");
    expect(server.seen).toHaveLength(4);
  });

  test("do not carry a body elsewhere, and do not turn it into another request", async () => {
    const end = await sentinel();
    const server = await sentinel(() => `http://localhost:${end.port}/end`);
    for (const status of [301, 302, 303, 307, 308]) {
      expect(await ask(`http://127.0.0.1:${server.port}/${status}`, rules, { body: "{}" })).toBe(
        `${status} `,
      );
    }
    expect(end.connections()).toBe(0);
    const same = await sentinel(() => "/end");
    expect(await ask(`http://127.0.0.1:${same.port}/307`, rules, { body: "{}" })).toBe("200 reached");
    expect(same.seen[1]).toMatchObject({ method: "POST", url: "/end" });
  });
});
