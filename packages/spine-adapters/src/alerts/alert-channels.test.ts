// Each channel against a server on this machine that takes, and refuses, what the real service does.
import { createServer } from "node:net";
import { SMTPServer } from "smtp-server";
import {
  type ChannelFixture,
  type ChannelMood,
  sampleNotification,
  testAlertChannel,
} from "spine-core/testing";
import { describe, expect, onTestFinished, test } from "vitest";
import { type Answer, type Got, serve } from "../sources/testing/http-server.ts";
import {
  alertChannelsFromEnv,
  consoleChannel,
  email,
  pagerduty,
  servicenow,
  slack,
  verifySignature,
  webhook,
} from "./index.ts";

const SECRET = "T0000secret/B0000secret/abcdefghijklmnop";
const ASKED_S = 30;
const options = { allowPrivate: true } as const;

/** A server in a mood; while it is well, `take` says what it thinks of a request. */
async function moody(take: (got: Got) => Answer) {
  let mood: ChannelMood = "well";
  const taken: string[] = [];
  const { url } = await serve((got, response): Answer | undefined => {
    switch (mood) {
      case "busy":
        return { status: 429, headers: { "retry-after": String(ASKED_S) }, body: "rate_limited" };
      case "busyUntil": {
        const now = Date.now();
        const headers = {
          date: new Date(now).toUTCString(),
          "retry-after": new Date(now + ASKED_S * 1_000).toUTCString(),
        };
        return { status: 429, headers, body: "rate_limited" };
      }
      case "broken":
        return {
          status: 500,
          body: `it broke: ${got.url.pathname} ${got.headers.authorization ?? ""} ${got.text}`,
        };
      case "refuses":
        return {
          status: 400,
          body: `invalid: ${got.url.pathname} ${got.headers.authorization ?? ""} ${got.text}`,
        };
      case "hangs":
        return undefined;
      case "closes":
        response.destroy();
        return undefined;
      default: {
        const answer = take(got);
        if ((answer.status ?? 200) < 300 && got.method !== "GET") taken.push(got.text);
        return answer;
      }
    }
  });
  const behave = (next: ChannelMood) => {
    mood = next;
  };
  return { url, behave, taken: () => taken };
}

interface SlackText {
  readonly type?: string;
  readonly text?: string;
}
interface SlackBlock {
  readonly type?: string;
  readonly text?: SlackText;
  readonly fields?: readonly SlackText[];
  readonly elements?: readonly SlackText[];
}

/** What Slack says of a payload; null where it takes it. */
function slackFault(json: string): string | null {
  const { text, blocks } = JSON.parse(json) as {
    readonly text?: string;
    readonly blocks?: readonly SlackBlock[];
  };
  if (!text || !Array.isArray(blocks)) return "no_text";
  if (blocks.length > 50) return "invalid_blocks: more than 50";
  for (const block of blocks as readonly SlackBlock[]) {
    const longest = block.type === "header" ? 150 : 3_000;
    if (block.type === "section" && !block.text && !block.fields) return "invalid_blocks: empty section";
    if ((block.fields?.length ?? 0) > 10) return "invalid_blocks: more than 10 fields";
    const limits = [
      [block.text, longest],
      ...(block.fields ?? []).map((field) => [field, 2_000] as const),
      ...(block.elements ?? []).map((element) => [element, 3_000] as const),
    ] as const;
    for (const [part, most] of limits) {
      if (!part) continue;
      if (!part.text || part.text.length > most) return `invalid_blocks: text of ${part.text?.length}`;
      if (block.type === "header" && part.type !== "plain_text") return "invalid_blocks: header";
    }
  }
  return null;
}

testAlertChannel("slack", {
  asksMs: ASKED_S * 1_000,
  async make() {
    const server = await moody(({ text }) => {
      const fault = slackFault(text);
      return fault === null ? { body: "ok" } : { status: 400, body: fault };
    });
    return {
      ...server,
      channel: slack({ ...options, webhookUrl: `${server.url}/services/${SECRET}` }),
      secrets: [SECRET],
      // A `<` that is not escaped begins a mention or a link.
      fault: (taken) =>
        /<[!@#h]|<mailto/.test(JSON.parse(JSON.stringify(taken))) ? "a mention" : slackFault(taken),
    };
  },
});

testAlertChannel("pagerduty", {
  asksMs: ASKED_S * 1_000,
  async make() {
    const fault = (text: string): string | null => {
      const { routing_key, event_action, dedup_key, payload } = JSON.parse(text);
      if (routing_key !== "R".repeat(32)) return "Invalid routing key";
      if (!["trigger", "acknowledge", "resolve"].includes(event_action)) return "event_action is wrong";
      if (!dedup_key || dedup_key.length > 255) return "dedup_key is wrong";
      if (event_action !== "trigger") return null;
      const { summary, source, severity } = payload ?? {};
      if (!summary || summary.length > 1_024 || !source) return "payload is wrong";
      return ["critical", "error", "warning", "info"].includes(severity) ? null : "severity is wrong";
    };
    const server = await moody(({ text }) => {
      const errors = fault(text);
      return errors === null
        ? { status: 202, body: { status: "success", message: "Event processed" } }
        : { status: 400, body: { status: "invalid event", errors: [errors] } };
    });
    const routingKey = () => "R".repeat(32);
    const channel = pagerduty({ ...options, routingKey, url: `${server.url}/v2/enqueue` });
    const seen = (text: string) => (text.includes("trigger") ? text : `${text} SOURCE_MALFORMED`);
    return {
      ...server,
      taken: () => server.taken().map(seen),
      channel,
      secrets: ["R".repeat(32)],
      fault: (text) => fault(text.replace(/ SOURCE_MALFORMED$/, "")),
    };
  },
});

testAlertChannel("webhook", {
  asksMs: ASKED_S * 1_000,
  async make() {
    const secret = "a-secret-of-the-webhook";
    const server = await moody(({ text, headers }) => {
      const header = String(headers["spine-signature"]);
      const isOurs = verifySignature({ secret, body: text, header });
      return isOurs && headers["idempotency-key"]
        ? { body: "" }
        : { status: 401, body: "the signature is wrong" };
    });
    const url = `${server.url}/hooks/${SECRET}`;
    return {
      ...server,
      channel: webhook({ ...options, url, secret }),
      secrets: [secret, SECRET],
      fault: (taken) => (JSON.parse(taken).version === 1 ? null : "no notification"),
    };
  },
});

/** An encoded query as ServiceNow reads it. A resolved incident is active until it is closed, by hand or days later. */
function isAskedFor(incident: Readonly<Record<string, string>>, url: URL): boolean {
  const { correlation_id, state = "1" } = incident;
  const facts: Readonly<Record<string, string>> = {
    correlation_id: correlation_id ?? "",
    state,
    active: String(!["7", "8"].includes(state)),
  };
  return (url.searchParams.get("sysparm_query") ?? "").split("^").every((part) => {
    const [, not, values = ""] = /^(\w+?)NOT IN(.*)$/.exec(part) ?? [];
    if (not !== undefined) return !values.split(",").includes(facts[not] ?? "");
    const [fact = "", value] = part.split("=");
    return facts[fact] === value;
  });
}

testAlertChannel("servicenow", {
  asksMs: ASKED_S * 1_000,
  async make() {
    const password = "a-password-of-servicenow";
    const incidents = new Map<string, Record<string, string>>();
    const server = await moody(({ method, url, headers, text }) => {
      const pair = Buffer.from(`spine:${password}`).toString("base64");
      if (headers.authorization !== `Basic ${pair}`)
        return { status: 401, body: { error: "User Not Authenticated" } };
      if (method === "GET") {
        const found = [...incidents].filter(([, one]) => isAskedFor(one, url));
        return { body: { result: found.map(([sys_id]) => ({ sys_id })) } };
      }
      const fields = JSON.parse(text) as Record<string, string>;
      if (method === "PATCH") {
        const id = url.pathname.split("/").at(-1) ?? "";
        const known = incidents.get(id);
        if (!known) return { status: 404, body: { error: "No Record found" } };
        if (fields.state === "6" && !fields.close_notes)
          return { status: 403, body: { error: "close notes" } };
        incidents.set(id, { ...known, ...fields });
        return { body: { result: { sys_id: id } } };
      }
      if ((fields.short_description?.length ?? 0) > 160) return { status: 400, body: { error: "too long" } };
      const id = `abc${incidents.size}`;
      incidents.set(id, fields);
      return { status: 201, body: { result: { sys_id: id, number: "INC001" } } };
    });
    return {
      ...server,
      channel: servicenow({ ...options, instanceUrl: server.url, username: "spine", password }),
      secrets: [password],
      fault: (taken) =>
        /[\r\u2028]|\\r/.test((JSON.parse(taken).short_description as string | undefined) ?? "")
          ? "two lines"
          : null,
    };
  },
});

/** Holds what ends a line, or commands a terminal. */
function isUnsafe(text: string): boolean {
  return /[\p{Cc}\u2028\u2029\u202e]/u.test(text);
}

testAlertChannel("console", {
  asksMs: null,
  skip: Object.fromEntries(
    (["busy", "busyUntil", "broken", "refuses", "hangs", "closes"] as const).map((mood) => [
      mood,
      "there is no other side",
    ]),
  ),
  async make() {
    const lines: string[] = [];
    return {
      channel: consoleChannel({ write: (line) => void lines.push(line) }),
      behave() {},
      taken: () => lines,
      secrets: [],
      fault: (line) => (line.endsWith("\n") && !isUnsafe(line.slice(0, -1)) ? null : "another line"),
    };
  },
});

testAlertChannel("email", {
  asksMs: null,
  skip: { busyUntil: "SMTP has no such answer" },
  make: mailbox,
});

async function mailbox(): Promise<ChannelFixture> {
  let mood: ChannelMood = "well";
  const mails: string[] = [];
  const refusal = (code: number, text: string) => Object.assign(new Error(text), { responseCode: code });
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ["STARTTLS"],
    logger: false,
    onAuth({ username, password }, _session, done) {
      if (username === "spine" && password === "a-password-of-mail") done(null, { user: username });
      else done(refusal(535, "5.7.8 Authentication credentials invalid"));
    },
    onMailFrom(_address, _session, done) {
      if (mood === "busy") return done(refusal(450, "4.7.1 Try again later a-password-of-mail"));
      if (mood === "refuses") return done(refusal(550, "5.1.0 Sender refused a-password-of-mail"));
      done();
    },
    onData(stream, _session, done) {
      const pieces: Buffer[] = [];
      stream.on("data", (piece: Buffer) => pieces.push(piece));
      stream.on("end", () => {
        if (mood === "hangs") return;
        if (mood === "broken") return done(refusal(451, "4.3.0 Local error"));
        mails.push(Buffer.concat(pieces).toString());
        done();
      });
    },
  });
  server.on("error", () => {});
  // Its own way out of a connection that is closed under it.
  const front = createServer((socket) => {
    if (mood === "closes") socket.destroy();
    else server.server.emit("connection", socket);
  });
  await new Promise<void>((resolve) => front.listen(0, "127.0.0.1", resolve));
  const { port } = front.address() as { readonly port: number };
  const channel = email({
    host: "127.0.0.1",
    port,
    tls: false,
    from: "spine@example.com",
    to: ["ops@example.com", "night@example.com"],
    username: "spine",
    password: "a-password-of-mail",
  });
  return {
    channel,
    behave: (next) => {
      mood = next;
    },
    taken: () => mails,
    secrets: ["a-password-of-mail"],
    fault: mailFault,
    dispose: () => {
      front.close();
      server.close(() => {});
    },
  };
}

const HEADERS = [
  "from",
  "to",
  "subject",
  "message-id",
  "references",
  "auto-submitted",
  "x-spine-key",
  "date",
  "mime-version",
  "content-type",
  "content-transfer-encoding",
];

/** A header that nobody set, or one that is there twice. */
function mailFault(mail: string): string | null {
  const [head = ""] = mail.split("\r\n\r\n");
  const names = head
    .replace(/\r\n[ \t]+/g, " ")
    .split("\r\n")
    .map((line) => line.slice(0, line.indexOf(":")).toLowerCase());
  const other = names.find((name) => !HEADERS.includes(name));
  if (other !== undefined) return `the header ${other}`;
  return new Set(names).size === names.length ? null : "a header twice";
}

describe("channels, one by one", () => {
  const send = (channel: { send: ReturnType<typeof slack>["send"] }, notification = sampleNotification()) =>
    channel.send(notification, { signal: AbortSignal.timeout(10_000), attempt: 2 });

  test("a private address is refused unless it is allowed, and nobody is asked", async () => {
    const { url, got } = await serve(() => ({ body: "ok" }));
    const channels = [
      slack({ webhookUrl: `${url}/services/${SECRET}` }),
      webhook({ url: () => url, secret: "a-secret-of-the-webhook" }),
      pagerduty({ routingKey: "key", url }),
      servicenow({ instanceUrl: url, username: "u", password: "a-password" }),
      slack({ webhookUrl: "http://169.254.169.254/latest/meta-data", allowPrivate: true }),
    ];
    for (const channel of channels) {
      const error = await send(channel).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: "PERMISSION_DENIED", retryable: false });
      expect((error as Error).message).toContain(`alert channel "${channel.name}"`);
      expect((error as Error).message).toContain("`allowPrivate: true`");
      expect(JSON.stringify(error)).not.toContain(SECRET);
    }
    expect(got).toEqual([]);
  });

  test("a signature holds for its body, its secret and its time only", async () => {
    const secret = "a-secret-of-the-webhook";
    const { url, got } = await serve(() => ({ body: "" }));
    await send(webhook({ ...options, url, secret }));
    const [{ text: body, headers }] = got as unknown as readonly [Got];
    expect(JSON.parse(body)).toMatchObject({ version: 1, attempt: 2, reason: "FIRST", suppressed: 16 });
    const header = String(headers["spine-signature"]);
    expect(verifySignature({ secret, body, header })).toBe(true);
    expect(verifySignature({ secret, body: `${body} `, header })).toBe(false);
    expect(verifySignature({ secret: `${secret}x`, body, header })).toBe(false);
    expect(verifySignature({ secret, body, header, now: Date.now() + 301_000 })).toBe(false);
    expect(verifySignature({ secret, body, header: header.replace("t=1", "t=2") })).toBe(false);
    for (const wrong of [null, undefined, "", "v1=00", "t=1,v1=zz"])
      expect(verifySignature({ secret, body, header: wrong })).toBe(false);
  });

  test("PagerDuty is told what becomes of an incident, under one key", async () => {
    const { url, got } = await serve(() => ({ status: 202, body: {} }));
    const channel = pagerduty({ ...options, routingKey: "key", url });
    for (const status of ["FIRING", "ACKNOWLEDGED", "RESOLVED"] as const)
      await send(channel, sampleNotification({}, { status }));
    const events = got.map(({ text }) => JSON.parse(text) as Record<string, unknown>);
    expect(events.map(({ event_action }) => event_action)).toEqual(["trigger", "acknowledge", "resolve"]);
    expect(new Set(events.map(({ dedup_key }) => dedup_key)).size).toBe(1);
    expect(events[0]?.payload).toMatchObject({ severity: "error", class: "SOURCE", source: "demo.trades" });
  });

  test("what fires again after it was resolved is an incident of its own, in ServiceNow", async () => {
    const password = "with a space, é";
    const pair = Buffer.from(`spine:${password}`).toString("base64");
    const incidents = new Map<string, Record<string, string>>();
    const { url } = await serve(({ method, url: asked, headers, text }) => {
      expect(headers.authorization).toBe(`Basic ${pair}`);
      if (method === "GET") {
        const found = [...incidents].filter(([, one]) => isAskedFor(one, asked));
        return { body: { result: found.map(([sys_id]) => ({ sys_id })) } };
      }
      const id = method === "PATCH" ? (asked.pathname.split("/").at(-1) ?? "") : `abc${incidents.size}`;
      incidents.set(id, { ...incidents.get(id), ...(JSON.parse(text) as Record<string, string>) });
      return { body: { result: { sys_id: id } } };
    });
    const channel = servicenow({ ...options, instanceUrl: url, username: "spine", password });
    for (const status of ["FIRING", "FIRING", "RESOLVED", "FIRING"] as const)
      await send(channel, sampleNotification({}, { status }));
    expect([...incidents.values()].map(({ state }) => state)).toEqual(["6", undefined]);
  });

  test("mails of a group are a thread, and a mail that comes twice is the same", async () => {
    const fixture = await mailbox();
    onTestFinished(() => void fixture.dispose?.());
    for (let twice = 0; twice < 2; twice += 1) await send(fixture.channel);
    const ids = fixture.taken().map((mail) => /^Message-ID: .*$/im.exec(mail)?.[0]);
    expect(ids[0]).toBe(`Message-ID: <${sampleNotification().key}@example.com>`);
    expect(new Set(ids).size).toBe(1);
    expect(fixture.taken()[0]).toMatch(/^Subject: \[ERROR\] demo.trades failed: SOURCE_MALFORMED\r$/m);
    const wrong = email({
      host: "127.0.0.1",
      port: 9,
      from: "spine@example.com",
      to: ["ops@example.com"],
    });
    await expect(send(wrong)).rejects.toMatchObject({ code: "SOURCE_UNAVAILABLE", retryable: true });
  });

  test.each([
    [() => email({ host: "h", from: "a@b.c", to: ["x@y.z\r\nBcc: v@w.x"] }), /`to` of email/],
    [() => email({ host: "h\r\n", from: "a@b.c", to: ["x@y.z"] }), /`host` of email/],
    [
      () => email({ host: "h", from: "a@b.c", to: ["x@y.z"], username: "u" }),
      /`password` of email is missing/,
    ],
    [() => slack({} as never), /`webhookUrl` of slack/],
    [() => slack({ webhookUrl: "https://x", wrong: 1 } as never), /`wrong` is no option of slack/],
    [() => servicenow({ instanceUrl: "x", username: "u", password: "p" }), /`instanceUrl` of servicenow/],
    [() => pagerduty({ routingKey: 1 } as never), /`routingKey` of pagerduty/],
  ])("options that mean nothing are refused by name (%#)", (make, text) => {
    expect(make).toThrow(
      expect.objectContaining({ code: "CONFIG_INVALID", message: expect.stringMatching(text) }),
    );
  });

  test("the environment names channels, and how severe an alert has to be for each", () => {
    expect(alertChannelsFromEnv({})).toEqual({ channels: [], routes: [] });
    const env = {
      SPINE_SLACK_WEBHOOK: "https://hooks.slack.com/services/x",
      SPINE_SLACK_CHANNEL: "#data",
      SPINE_SLACK_OPS_WEBHOOK: "https://hooks.slack.com/services/y",
      SPINE_SMTP_HOST: "smtp.example.com",
      SPINE_SMTP_PORT: "2525",
      SPINE_SMTP_TLS: "false",
      SPINE_EMAIL_FROM: "spine@example.com",
      SPINE_EMAIL_TO: "a@example.com, b@example.com",
      SPINE_SNOW_URL: "https://example.service-now.com",
      SPINE_SNOW_USER: "spine",
      SPINE_SNOW_PASSWORD: "p",
    };
    const { channels, routes } = alertChannelsFromEnv(env);
    expect(channels.map(({ name }) => name)).toEqual(["slack", "slack-ops", "email", "servicenow"]);
    expect(routes.map(({ match }) => match?.severity)).toEqual(
      ["WARNING", "CRITICAL", "ERROR", "CRITICAL"].map((atLeast) => ({ atLeast })),
    );
    const all = alertChannelsFromEnv({ ...env, SPINE_ALERT_MIN_SEVERITY: "info" });
    expect(new Set(all.routes.map(({ match }) => JSON.stringify(match)))).toEqual(
      new Set(['{"severity":{"atLeast":"INFO"}}']),
    );
    const refused = (more: object) => expect(() => alertChannelsFromEnv({ ...env, ...more }));
    refused({ SPINE_ALERT_MIN_SEVERITY: "loud" }).toThrow(/SPINE_ALERT_MIN_SEVERITY is "loud"/);
    refused({ SPINE_EMAIL_TO: "" }).toThrow(/SPINE_EMAIL_TO is not set/);
    refused({ SPINE_SNOW_PASSWORD: "" }).toThrow(/SPINE_SNOW_PASSWORD is not set/);
    refused({ SPINE_SMTP_PORT: "many" }).toThrow(/^SPINE_SMTP_PORT is a port/);
    refused({ SPINE_EMAIL_TO: "ops" }).toThrow(/^SPINE_EMAIL_TO is a list of plain addresses/);
    refused({ SPINE_SNOW_URL: "example" }).toThrow(/^SPINE_SNOW_URL is a URL/);
    refused({ SPINE_SMTP_USER: "u" }).toThrow(/SPINE_SMTP_PASSWORD is not set, and SPINE_SMTP_USER is/);
  });
});
