import type { Readiness, Session } from "spine-http/client";
import { useSpine } from "../use-spine.ts";
import { type ListOptions, type One, useOne } from "./use-list.ts";

const INTERVAL_MS = 30_000;

/** What is wrong with the database and with the work on it, with what to do; asked again every thirty seconds. */
export function useHealth(options: ListOptions = {}): One<Readiness> {
  return useOne(useSpine().queries.health(), { interval: INTERVAL_MS, ...options });
}

/** Who the user is to the API, and which operations he may use. */
export function useSession(options: ListOptions = {}): One<Session> {
  return useOne(useSpine().queries.session(), options);
}
