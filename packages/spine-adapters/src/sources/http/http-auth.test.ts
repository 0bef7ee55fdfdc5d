import { SpineError } from "spine-core";
import { describe, expect, onTestFinished, test } from "vitest";
import { type Got, LOCAL, readHttp, serve, someRows } from "../testing/http-server.ts";
import type { HttpAuth } from "./http-auth.ts";
import { httpSource } from "./http-source.ts";
import type { HttpSourceOptions } from "./http-source-options.ts";

const CANARY = "canary-5d1e8b";

describe("credentials", () => {
  const CASES: readonly (readonly [string, HttpAuth, (got: Got | undefined) => unknown, string])[] = [
    [
      "a bearer token",
      { kind: "bearer", token: () => CANARY },
      (got) => got?.headers.authorization,
      `Bearer ${CANARY}`,
    ],
    [
      "a key in a header",
      { kind: "key", key: async () => CANARY },
      (got) => got?.headers["x-api-key"],
      CANARY,
    ],
    [
      "a key in a header of another name",
      { kind: "key", key: () => CANARY, header: "X-Token" },
      (got) => got?.headers["x-token"],
      CANARY,
    ],
    [
      "a key in the query",
      { kind: "key", key: () => CANARY, query: "apikey" },
      (got) => got?.url.searchParams.get("apikey"),
      CANARY,
    ],
    [
      "a name and a password",
      { kind: "basic", user: "me", password: () => CANARY },
      (got) => got?.headers.authorization,
      `Basic ${Buffer.from(`me:${CANARY}`).toString("base64")}`,
    ],
    [
      "the environment's",
      { kind: "bearer", token: "env:SPINE_TEST_TOKEN" },
      (got) => got?.headers.authorization,
      `Bearer ${CANARY}`,
    ],
  ];

  test.each(CASES)("%s: sent, and shown to nobody", async (_name, auth, sent, expected) => {
    process.env.SPINE_TEST_TOKEN = CANARY;
    onTestFinished(() => void delete process.env.SPINE_TEST_TOKEN);
    const server = await serve((got) => {
      const repeated = { headers: got.headers, url: got.url.href, text: `Your ${CANARY} is wrong` };
      return got.url.pathname === "/ok" ? { body: [] } : { status: 403, body: repeated };
    });
    await readHttp(`${server.url}/ok`, { auth });
    expect(sent(server.got[0])).toBe(expected);
    const error = await readHttp(`${server.url}/no`, { auth }).catch((thrown: unknown) => thrown);
    const told = `${JSON.stringify(error)} ${String(error)} ${(error as Error).stack}`;
    expect(told).toContain("PERMISSION_DENIED");
    expect(told).not.toContain(CANARY);
    expect(told).not.toContain(Buffer.from(`me:${CANARY}`).toString("base64"));
  });

  test("a secret that is none is refused without being shown", async () => {
    const server = await serve(() => ({ body: [] }));
    for (const token of [
      () => "",
      () => "a\r\nb: c",
      () => undefined as unknown as string,
      "env:SPINE_NOT_SET" as const,
    ]) {
      const asking = readHttp(server.url, { auth: { kind: "bearer", token } });
      await expect(asking).rejects.toMatchObject({ code: "CONFIG_INVALID" });
    }
    const request = { url: server.url, auth: { kind: "bearer", token: CANARY } as unknown as HttpAuth };
    const error = await readHttp(request).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "CONFIG_INVALID" });
    expect(String(error)).not.toContain(CANARY);
    expect(server.got).toEqual([]);
  });

  test("go where the request goes, and not along a redirect to another host", async () => {
    const other = await serve(() => ({ body: [] }));
    const server = await serve(() => ({ status: 302, headers: { location: `${other.url}/there` } }));
    await readHttp(server.url, { auth: { kind: "bearer", token: () => CANARY } });
    expect(server.got[0]?.headers.authorization).toBe(`Bearer ${CANARY}`);
    expect(other.got).toHaveLength(1);
    expect(JSON.stringify(other.got[0]?.headers)).not.toContain(CANARY);
  });

  test("in the query of an error's URL only what is harmless is shown", async () => {
    const server = await serve(() => ({ status: 400 }));
    const query = {
      limit: 10,
      week: "2026-01-05",
      tier: "T1",
      sig: "1234",
      access_token: "x",
      q: "a b c",
      long: "a".repeat(50),
    };
    const error = await readHttp({ url: server.url, query }).catch((thrown: unknown) => thrown);
    expect(String(error)).toContain(
      "/?limit=10&week=2026-01-05&tier=T1&sig=…&access_token=…&q=…&long=…".replace("T1", "…"),
    );
  });
});

describe("OAuth 2", () => {
  interface Issuer {
    readonly expiresIn?: number;
    readonly refuse?: number;
    /** Tokens come once this is over. */
    readonly held?: Promise<unknown>;
  }
  /** A service with its token endpoint; the tokens are t1, t2, … and `revoked` ends one of them. */
  async function service(issuer: Issuer = {}) {
    const revoked = new Set<string>();
    let issued = 0;
    const server = await serve(async ({ url, headers }) => {
      if (url.pathname === "/token") {
        if (issuer.refuse !== undefined) return { status: issuer.refuse, body: { error: "invalid_client" } };
        issued += 1;
        await new Promise((resolve) => setTimeout(resolve, 20));
        await issuer.held;
        return {
          body: { access_token: `t${issued}`, token_type: "Bearer", expires_in: issuer.expiresIn ?? 1800 },
        };
      }
      const token = headers.authorization?.replace("Bearer ", "") ?? "";
      if (!/^t\d+$/.test(token) || revoked.has(token)) return { status: 401 };
      return {
        body: {
          rows: someRows(1),
          next:
            Number(url.searchParams.get("p") ?? 0) < 4 ? Number(url.searchParams.get("p") ?? 0) + 1 : null,
        },
      };
    });
    const auth: HttpAuth = {
      kind: "oauth2",
      tokenUrl: `${server.url}/token`,
      clientId: "client",
      clientSecret: () => CANARY,
    };
    const options: HttpSourceOptions = {
      ...LOCAL,
      rows: "rows",
      paginate: { kind: "cursor", next: "next", cursorPath: "p" },
      auth,
    };
    return { server, options, auth, revoked, issued: () => issued };
  }
  const readFrom = async (source: ReturnType<typeof httpSource>, url: string) => {
    let rows = 0;
    for await (const page of source.stream({ url })) rows += page.rows.length;
    return rows;
  };

  test("one token for all pages and all streams, asked for once", async () => {
    const { server, options, issued } = await service();
    const source = httpSource(options);
    const reading = Array.from({ length: 5 }, () => readFrom(source, server.url));
    expect(await Promise.all(reading)).toEqual([5, 5, 5, 5, 5]);
    expect(issued()).toBe(1);
    const asked = server.got.find(({ url }) => url.pathname === "/token");
    expect(asked).toMatchObject({ method: "POST", text: "grant_type=client_credentials" });
    expect(asked?.headers.authorization).toBe(`Basic ${Buffer.from(`client:${CANARY}`).toString("base64")}`);
  });

  test("id and secret as fields, with a scope and more", async () => {
    const { server, options, auth } = await service();
    const more = { ...auth, scope: "read", fields: { audience: "a" }, credentials: "fields" } as HttpAuth;
    await readFrom(httpSource({ ...options, auth: more }), server.url);
    const { text = "", headers } = server.got[0] ?? {};
    expect(Object.fromEntries(new URLSearchParams(text))).toEqual({
      grant_type: "client_credentials",
      scope: "read",
      audience: "a",
      client_id: "client",
      client_secret: CANARY,
    });
    expect(headers?.authorization).toBeUndefined();
  });

  test("a token that is refused in the middle is got anew once, and the page asked for again", async () => {
    const { server, options, revoked, issued } = await service();
    const source = httpSource(options);
    let rows = 0;
    for await (const page of source.stream({ url: server.url })) {
      rows += page.rows.length;
      if (rows === 2) revoked.add("t1");
    }
    expect(rows).toBe(5);
    expect(issued()).toBe(2);
  });

  test("one that is refused at once again is a permission that is missing", async () => {
    const { server, options, revoked, issued } = await service();
    for (let token = 1; token < 10; token += 1) revoked.add(`t${token}`);
    await expect(readFrom(httpSource(options), server.url)).rejects.toMatchObject({
      code: "PERMISSION_DENIED",
    });
    expect(issued()).toBe(2);
  });

  test("whoever gives up while a token is asked for takes it from nobody else", async () => {
    const held = Promise.withResolvers<void>();
    const { server, options, issued } = await service({ held: held.promise });
    const source = httpSource(options);
    const given = new AbortController();
    const first = source.stream({ url: server.url }, { signal: given.signal })[Symbol.asyncIterator]().next();
    const other = readFrom(source, server.url);
    await expect.poll(() => server.got.length).toBe(1);
    given.abort(new Error("the first one was cancelled"));
    await expect(first).rejects.toThrow("the first one was cancelled");
    held.resolve();
    expect(await other).toBe(5);
    expect(issued()).toBe(1);
  });

  test("an issuer that asks for a wait is not asked again before", async () => {
    const server = await serve(() => ({ status: 429, headers: { "retry-after": "3600" } }));
    const { options, auth } = await service();
    const source = httpSource({ ...options, auth: { ...auth, tokenUrl: server.url } as HttpAuth });
    await expect(readFrom(source, server.url)).rejects.toMatchObject({
      code: "RATE_LIMITED",
      retryAfterMs: 3_600_000,
    });
    expect(server.got).toHaveLength(1);
  });

  test("one that has run out is not sent", async () => {
    const { server, options, issued } = await service({ expiresIn: 0.05 });
    const source = httpSource(options);
    for await (const _page of source.stream({ url: server.url }))
      await new Promise((resolve) => setTimeout(resolve, 40));
    expect(issued()).toBeGreaterThan(2);
  });

  test("wrong credentials are a permission that is missing, whichever way the other side says it", async () => {
    for (const status of [400, 401, 403]) {
      const { server, options } = await service({ refuse: status });
      const error = await readFrom(httpSource(options), server.url).catch((thrown: unknown) => thrown);
      expect(SpineError.is(error) && error.code, String(status)).toBe("PERMISSION_DENIED");
      expect(JSON.stringify(error)).not.toContain(CANARY);
    }
    const { server, options } = await service({ refuse: 503 });
    await expect(readFrom(httpSource(options), server.url)).rejects.toMatchObject({ category: "TRANSIENT" });
  });
});
