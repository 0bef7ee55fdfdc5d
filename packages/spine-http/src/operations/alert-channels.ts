import { DELIVERY_STATUSES, SpineError } from "spine-core";
import { z } from "zod";
import { nameOf } from "../auth/auth.ts";
import { EMPTY, operation } from "../operation.ts";
import { type HttpProblem, notFound } from "../problems.ts";
import { toProblem } from "../to-problem.ts";
import { Delivery, deliveryOf, givenMatch, Match, Silence, silenceOf } from "../wire/alert.ts";
import { listOf, PAGE, readCursor, writeCursor } from "../wire/list.ts";
import { given } from "./pipelines.ts";

const ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Who is told of alerts: silences, deliveries, channels. */
export const alertChannelOperations = [
  operation({
    id: "alerts.silences",
    method: "GET",
    path: "/alerts/silences",
    summary: "The silences that have not ended, the newest first.",
    permission: "alerts:read",
    scoping: "whole",
    responses: { 200: z.strictObject({ items: z.array(Silence) }) },
    problems: [],
    async handle({ spine }) {
      return { status: 200, body: { items: (await spine.alerts.silences()).map(silenceOf) } };
    },
  }),
  operation({
    id: "alerts.silence",
    method: "POST",
    path: "/alerts/silences",
    summary:
      "Keeps alerts that match from being told for a time, in the caller's name. What still fires then is told then.",
    permission: "alerts:write",
    scoping: "whole",
    body: z
      .strictObject({
        match: Match,
        from: z.iso.datetime({ offset: true }).optional().describe("Now when left out."),
        until: z
          .union([z.iso.datetime({ offset: true }), z.number().min(1).max(3.2e9), z.string().max(40)])
          .describe("A time, or how long: seconds, or a text: `2h`."),
        why: z.string().min(1).max(8_000),
      })
      .meta({ id: "SilenceRequest" }),
    responses: { 201: Silence },
    problems: [],
    async handle({ spine, body: { match, from, until, why }, principal }) {
      const silence = await spine.alerts.silence({
        match: givenMatch(match),
        until: typeof until === "number" ? Math.round(until * 1_000) : until,
        why,
        by: nameOf(principal),
        ...given({ from }),
      });
      return { status: 201, body: silenceOf(silence) };
    },
  }),
  operation({
    id: "alerts.unsilence",
    method: "DELETE",
    path: "/alerts/silences/{id}",
    summary: "Ends a silence.",
    permission: "alerts:write",
    scoping: "whole",
    responses: { 204: EMPTY },
    problems: ["not-found"],
    async handle({ spine, params: { id } }) {
      await spine.alerts.unsilence(idOf(id, "silence")).catch(missing("silence"));
      return { status: 204, body: null };
    },
  }),
  operation({
    id: "alerts.deliveries",
    method: "GET",
    path: "/alerts/deliveries",
    summary:
      "What was sent to channels, what waits, and what was given up (DEAD) with its reason; newest first.",
    permission: "alerts:read",
    scoping: "whole",
    query: z.strictObject({
      status: z.enum(DELIVERY_STATUSES).optional(),
      channel: z.string().min(1).max(200).optional(),
      group: z.string().min(1).max(200).optional(),
      ...PAGE,
    }),
    responses: { 200: listOf(Delivery) },
    problems: ["bad-cursor"],
    async handle({ spine, query: { status, channel, group, limit = 50, cursor } }) {
      const filter = ["deliveries", status ?? null, channel ?? null, group ?? null];
      const after = readCursor(filter, cursor, "string");
      const found = await spine.alerts.deliveries({
        limit: limit + 1,
        ...given({ status, channel, group, after }),
      });
      const page = found.slice(0, limit);
      const last = page.at(-1);
      return {
        status: 200,
        body: {
          items: page.map(deliveryOf),
          next_cursor: found.length > limit && last ? writeCursor(filter, last.deliveryId) : null,
        },
      };
    },
  }),
  operation({
    id: "alerts.redeliver",
    method: "POST",
    path: "/alerts/deliveries/{id}/redeliver",
    summary: "Tries a delivery that was given up (DEAD) again from the start.",
    permission: "alerts:write",
    scoping: "whole",
    responses: { 202: z.strictObject({ delivery_id: z.string() }) },
    problems: ["not-found"],
    async handle({ spine, params: { id } }) {
      await spine.alerts.redeliver(idOf(id, "delivery that is DEAD")).catch(missing("delivery that is DEAD"));
      return { status: 202, body: { delivery_id: id } };
    },
  }),
  operation({
    id: "alerts.channels",
    method: "GET",
    path: "/alerts/channels",
    summary: "The channels that this process delivers alerts to.",
    permission: "alerts:read",
    scoping: "whole",
    responses: { 200: z.strictObject({ items: z.array(z.strictObject({ name: z.string() })) }) },
    problems: [],
    handle({ spine }) {
      return { status: 200, body: { items: spine.alertChannels.names().map((name) => ({ name })) } };
    },
  }),
  operation({
    id: "alerts.test",
    method: "POST",
    path: "/alerts/channels/{name}/test",
    summary: "Sends a test message to a channel at once, and says what came of it.",
    permission: "alerts:write",
    scoping: "whole",
    responses: {
      200: z
        .strictObject({
          channel: z.string(),
          sent: z.boolean(),
          error: z.string().nullable(),
          error_code: z.string().nullable(),
        })
        .meta({ id: "ChannelTest" }),
    },
    problems: ["not-found"],
    async handle({ spine, params: { name } }) {
      if (!spine.alertChannels.has(name)) throw notFound(`alert channel "${name.slice(0, 100)}"`);
      // That a channel does not work is what was asked for, and no failure of the request.
      const failed = await spine.alerts.test(name).then(
        () => null,
        (error: unknown) => error,
      );
      const isTold = SpineError.is(failed);
      const text = isTold
        ? failed.message
        : "It failed. What happened is nothing that the channel tells others.";
      return {
        status: 200,
        body: {
          channel: name,
          sent: failed === null,
          error: failed === null ? null : text,
          error_code: isTold ? failed.code : failed === null ? null : "INTERNAL",
        },
      };
    },
  }),
] as const;

/** @throws HttpProblem not-found for what cannot be an id. */
function idOf(id: string, what: string): string {
  if (ID.test(id)) return id;
  throw notFound(`${what} of this id`);
}

/** Spine refuses an id that there is not as it refuses any argument; over HTTP it is what is not there. */
function missing(what: string): (error: unknown) => never {
  return (error) => {
    const problem: HttpProblem = toProblem(error);
    throw problem.code === "invalid-body" ? notFound(`${what} of this id`) : problem;
  };
}
