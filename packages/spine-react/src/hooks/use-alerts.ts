import { useMemo } from "react";
import type {
  Alert,
  AlertFilter,
  AlertGroup,
  Channel,
  ChannelTest,
  Delivery,
  DeliveryFilter,
  Silence,
  SilenceRequest,
} from "spine-http/client";
import { useSpine } from "../use-spine.ts";
import { useAction } from "./use-action.ts";
import { type List, type ListOptions, useList, useWholeList } from "./use-list.ts";

const INTERVAL_MS = 10_000;

/** What was raised, the newest first; asked again every ten seconds. */
export function useAlerts(filter: AlertFilter = {}, options: ListOptions = {}): List<Alert> {
  return useList(useSpine().queries.alerts(filter), { interval: INTERVAL_MS, ...options });
}

/** What fires now, in the groups that are told together; asked again every ten seconds. */
export function useAlertGroups(options: ListOptions = {}): List<AlertGroup> {
  return useWholeList(useSpine().queries.alertGroups(), { interval: INTERVAL_MS, ...options });
}

/** The silences that have not ended, the newest first. */
export function useSilences(options: ListOptions = {}): List<Silence> {
  return useWholeList(useSpine().queries.silences(), { interval: INTERVAL_MS, ...options });
}

/** What was sent to channels, what waits, and what was given up, the newest first. */
export function useDeliveries(filter: DeliveryFilter = {}, options: ListOptions = {}): List<Delivery> {
  return useList(useSpine().queries.deliveries(filter), { interval: INTERVAL_MS, ...options });
}

/** The channels that alerts are delivered to. */
export function useChannels(options: ListOptions = {}): List<Channel> {
  return useWholeList(useSpine().queries.channels(), options);
}

export interface AlertActions {
  /** Takes an alert on: it is not repeated while it goes on firing. */
  readonly acknowledge: (fingerprint: string, options?: { readonly note?: string }) => Promise<unknown>;
  readonly resolve: (fingerprint: string) => Promise<unknown>;
  readonly silence: (request: SilenceRequest) => Promise<Silence>;
  readonly unsilence: (silenceId: string) => Promise<null>;
  /** Tries a delivery that was given up again. */
  readonly redeliver: (deliveryId: string) => Promise<unknown>;
  /** Sends a test message: whether it went well stands in the answer. */
  readonly testChannel: (name: string) => Promise<ChannelTest>;
  /** What is under way, and with what. */
  readonly pending: { readonly action: AlertAction; readonly of: string } | null;
  readonly error: Error | null;
  readonly reset: () => void;
}
export type AlertAction = "acknowledge" | "resolve" | "silence" | "unsilence" | "redeliver" | "testChannel";

interface Doing {
  readonly action: AlertAction;
  readonly of: string;
  readonly send: () => Promise<unknown>;
}

/**
 * What can be done with alerts, silences and deliveries.
 *
 * @example
 * function Firing() {
 *   const { items } = useAlertGroups();
 *   const { acknowledge } = useAlertActions();
 *   return items.flatMap(({ alerts }) => alerts).map(({ fingerprint, title }) => (
 *     <button key={fingerprint} type="button" onClick={() => acknowledge(fingerprint).catch(() => {})}>{title}</button>
 *   ));
 * }
 */
export function useAlertActions(): AlertActions {
  const { client, queries } = useSpine();
  const { run, pending, error, reset } = useAction<Doing, unknown>({
    send: ({ send }) => send(),
    isRepeatable: false,
    changes: () => [queries.keys.alerts()],
  });
  const actions = useMemo(() => {
    const act = (action: AlertAction, of: string, send: () => Promise<unknown>) =>
      run({ action, of, send }) as Promise<never>;
    return {
      acknowledge: (fingerprint: string, body: { readonly note?: string } = {}) =>
        act("acknowledge", fingerprint, () =>
          client.post("/alerts/{fingerprint}/acknowledge", { params: { fingerprint }, body }),
        ),
      resolve: (fingerprint: string) =>
        act("resolve", fingerprint, () =>
          client.post("/alerts/{fingerprint}/resolve", { params: { fingerprint } }),
        ),
      silence: (body: SilenceRequest) =>
        act("silence", body.why, () => client.post("/alerts/silences", { body })),
      unsilence: (id: string) =>
        act("unsilence", id, () => client.delete("/alerts/silences/{id}", { params: { id } })),
      redeliver: (id: string) =>
        act("redeliver", id, () => client.post("/alerts/deliveries/{id}/redeliver", { params: { id } })),
      testChannel: (name: string) =>
        act("testChannel", name, () => client.post("/alerts/channels/{name}/test", { params: { name } })),
    };
  }, [client, run]);
  return { ...actions, pending, error, reset };
}
