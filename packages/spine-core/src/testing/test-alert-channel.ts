import { describe, expect, onTestFinished, test } from "vitest";
import type { AlertChannel, AlertNotification, NotifiedAlert } from "../alerts/alert.ts";
import { alertFingerprint } from "../alerts/fingerprint.ts";
import { SpineError } from "../errors.ts";
import { seeded } from "./seeded.ts";

/**
 * What the other side does with what comes from now on. `busy`: later, in so many seconds. `busyUntil`: the same as a date. `broken`: it
 * has failed itself. `refuses`: what it was sent is wrong. `hangs`: it does not answer. `closes`: it hangs up.
 */
export type ChannelMood = "well" | "busy" | "busyUntil" | "broken" | "refuses" | "hangs" | "closes";

/** A channel with a server that behaves like the real one. */
export interface ChannelFixture {
  readonly channel: AlertChannel;
  /** How many seconds a busy other side asks for. */
  behave(mood: ChannelMood): void;
  /** What it has taken: each as one text, in order. It refuses what the real one would not take. */
  taken(): readonly string[];
  /** What must be seen by nobody. */
  readonly secrets: readonly string[];
  /** What is wrong with a text that it has taken: a mention of all, a header too many; null for nothing. */
  fault(taken: string): string | null;
  dispose?(): unknown;
}

export interface ChannelFactory {
  make(): Promise<ChannelFixture>;
  /** Moods that the other side does not know, with the reason. */
  readonly skip?: Partial<Record<ChannelMood, string>>;
  /** How long a busy side asks to be left alone, in ms; null where it cannot say so. */
  readonly asksMs: number | null;
}

/** A notification with one alert of this title and message. */
export function sampleNotification(
  text: { readonly title?: string; readonly message?: string; readonly label?: string } = {},
  more: Partial<AlertNotification> = {},
): AlertNotification {
  const {
    title = "demo.trades failed: SOURCE_MALFORMED",
    message = "The file has no header.",
    label = "demo.trades",
  } = text;
  const labels = { pipeline: label, category: "SOURCE" };
  const at = "2026-01-05T09:00:00.000Z";
  const alert: NotifiedAlert = {
    severity: "ERROR",
    title,
    message,
    source: "run",
    runId: "01890000-0000-7000-8000-000000000001",
    labels,
    raisedAt: at,
    fingerprint: alertFingerprint(labels),
    status: "FIRING",
    raised: 17,
    since: at,
    acknowledgedBy: null,
  };
  return {
    key: "0123456789abcdef0123456789abcdef",
    group: "fedcba9876543210fedcba9876543210",
    reason: "FIRST",
    status: "FIRING",
    severity: "ERROR",
    title,
    labels: { pipeline: label },
    alerts: [alert],
    firing: 1,
    resolved: 0,
    suppressed: 16,
    at,
    ...more,
  };
}

/** Texts that have raised a whole company before, or a second header. */
const HOSTILE = [
  "<!channel> look",
  "<!here|here> <!everyone>",
  "<@U0123456> <#C0123456>",
  "&lt;!channel&gt;",
  "<https://evil.example|click here>",
  "a\r\nBcc: victim@example.com\r\n\r\nbody",
  "a\nSubject: other",
  "\r\n.\r\nMAIL FROM:<evil@example.com>",
  '{"time":"2026-01-05","level":"INFO","message":"all is well"}\n{"level":"ERROR"}',
  "\u001b[2J\u001b]0;owned\u0007",
  "\u009b31m",
  "a\u2028b\u2029c",
  "a\u0000b",
  "\u202egnp.exe",
  "\ud800 half",
  "<script>alert(1)</script>",
  "'\"`$(id)\\",
  "",
  " ",
  "é😀".repeat(3_000),
  "<".repeat(5_000),
];

/**
 * The conformance suite of {@link AlertChannel}, against a server that behaves like the real one: what it takes, what is tried again
 * and when, what is not, that no text of an alert is more than text, and that no secret stands in an error. Call it in a test file.
 */
export function testAlertChannel(name: string, factory: ChannelFactory): void {
  const make = async (): Promise<ChannelFixture> => {
    const fixture = await factory.make();
    onTestFinished(async () => void (await fixture.dispose?.()));
    return fixture;
  };
  const send = (
    { channel }: ChannelFixture,
    notification = sampleNotification(),
    signal: AbortSignal = AbortSignal.timeout(20_000),
  ) => channel.send(notification, { signal, attempt: 1 });
  const failure = async (fixture: ChannelFixture, mood: ChannelMood): Promise<SpineError> => {
    fixture.behave(mood);
    const error: unknown = await send(fixture).then(
      () => null,
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(SpineError);
    const shown = `${JSON.stringify(error)} ${String((error as Error).stack)}`;
    for (const secret of fixture.secrets) expect(shown).not.toContain(secret);
    expect(fixture.taken()).toEqual([]);
    return error as SpineError;
  };
  const inMood = (mood: ChannelMood, title: string, body: () => Promise<void>) => {
    const reason = factory.skip?.[mood];
    if (reason === undefined) test(title, body, 30_000);
    else test.skip(`${title} (${reason})`, () => {});
  };

  describe(`alert channel: ${name}`, () => {
    test("delivers a notification, each time that it is sent, until it is over", async () => {
      const fixture = await make();
      await send(fixture);
      await send(fixture, sampleNotification({}, { reason: "REPEATED", key: "1".repeat(32) }));
      await send(
        fixture,
        sampleNotification(
          {},
          { reason: "RESOLVED", status: "RESOLVED", key: "2".repeat(32), firing: 0, resolved: 1 },
        ),
      );
      expect(fixture.taken()).toHaveLength(3);
      expect(fixture.taken()[0]).toContain("SOURCE_MALFORMED");
      expect(fixture.taken().map((taken) => fixture.fault(taken))).toEqual([null, null, null]);
    });

    inMood("busy", "says when a busy other side wants to be asked again", async () => {
      const error = await failure(await make(), "busy");
      expect(error.retryable).toBe(true);
      if (factory.asksMs !== null) expect(error.retryAfterMs).toBe(factory.asksMs);
    });

    inMood("busyUntil", "the same where that is said as a date", async () => {
      const error = await failure(await make(), "busyUntil");
      expect(error.retryable).toBe(true);
      expect(Math.abs((error.retryAfterMs ?? 0) - (factory.asksMs ?? 0))).toBeLessThan(2_000);
    });

    inMood("broken", "what fails on the other side is tried again", async () => {
      expect((await failure(await make(), "broken")).retryable).toBe(true);
    });

    inMood("closes", "so is a connection that is closed", async () => {
      expect((await failure(await make(), "closes")).retryable).toBe(true);
    });

    inMood("refuses", "what the other side refuses is not", async () => {
      expect((await failure(await make(), "refuses")).retryable).toBe(false);
    });

    inMood("hangs", "gives up when it is told to, whatever the other side does", async () => {
      const fixture = await make();
      fixture.behave("hangs");
      const controller = new AbortController();
      const reason = new SpineError("SOURCE_TIMEOUT", "too late");
      const sent = send(fixture, sampleNotification(), controller.signal);
      setTimeout(() => controller.abort(reason), 100);
      await expect(sent).rejects.toBe(reason);
      fixture.behave("well");
      await send(fixture);
      expect(fixture.taken().length).toBeGreaterThan(0);
    });

    test("no text of an alert is more than text", async () => {
      const fixture = await make();
      const next = seeded(8);
      const pick = () => HOSTILE[Math.floor(next() * HOSTILE.length)] ?? "";
      const mixed = Array.from({ length: 12 }, () => `${pick().slice(0, 400)}${pick().slice(0, 400)}`);
      for (const [index, text] of [...HOSTILE, ...mixed].entries()) {
        const key = index.toString(16).padStart(32, "0");
        const group = (index + 4096).toString(16).padStart(32, "0");
        await send(fixture, sampleNotification({ title: text, message: text, label: text }, { key, group }));
        const taken = fixture.taken();
        expect(taken).toHaveLength(index + 1);
        expect(fixture.fault(taken.at(-1) ?? ""), JSON.stringify(text.slice(0, 80))).toBeNull();
      }
    }, 60_000);
  });
}
