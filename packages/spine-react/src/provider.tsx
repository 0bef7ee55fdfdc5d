import { QueryClient } from "@tanstack/react-query";
import { createContext, type ReactNode, useContext, useEffect, useMemo, useState } from "react";
import type { SpineClient } from "spine-http/client";
import { DisplayContext } from "./components/display-context.ts";
import type { Labels } from "./components/labels.ts";
import { FollowedRuns } from "./live/followed-runs.ts";

export interface SpineProviderProps {
  /** Of `createClient` in `spine-http/client`; made once, outside of components. */
  readonly client: SpineClient;
  /** The host's own; one that only Spine uses when left out. */
  readonly queryClient?: QueryClient;
  /** `auto`: events are used where the server offers them; `false`: runs are polled. */
  readonly live?: "auto" | false;
  /** How times and numbers are written, e.g. `en-GB`; as the browser does when left out. */
  readonly locale?: string;
  /** e.g. `UTC`; the browser's when left out. */
  readonly timeZone?: string;
  /** Texts that stand in for those of the components. */
  readonly labels?: Partial<Labels>;
  readonly children?: ReactNode;
}

export interface Inner {
  readonly client: SpineClient;
  readonly queryClient: QueryClient;
  readonly live: boolean;
  readonly locale: string | undefined;
  readonly timeZone: string | undefined;
  readonly labels: Partial<Labels>;
  readonly runs: FollowedRuns;
}

const Context = createContext<Inner | null>(null);
const NO_LABELS: Partial<Labels> = {};

/**
 * What hooks and components of Spine work with.
 *
 * @example
 * const client = createClient({ baseUrl: "/spine" });
 * const app = (
 *   <SpineProvider client={client} locale="en-GB" timeZone="UTC">
 *     <PipelineStatusCard runId={runId} />
 *   </SpineProvider>
 * );
 */
export function SpineProvider(props: SpineProviderProps): ReactNode {
  const { client, live = "auto", locale, timeZone, labels = NO_LABELS, children } = props;
  const [own] = useState(() => new QueryClient());
  const { queryClient = own } = props;
  // Nobody else may tell it that the page is online again: a host's own needs no provider. It counts who mounts it.
  useEffect(() => {
    queryClient.mount();
    return () => queryClient.unmount();
  }, [queryClient]);
  const made = useMemo(
    () => ({ client, queryClient, runs: new FollowedRuns(client, queryClient) }),
    [client, queryClient],
  );
  const value = useMemo(
    () => ({ ...made, live: live === "auto", locale, timeZone, labels }),
    [made, live, locale, timeZone, labels],
  );
  return (
    <Context.Provider value={value}>
      <DisplayContext.Provider value={value}>{children}</DisplayContext.Provider>
    </Context.Provider>
  );
}

/** @internal */
export function useInner(): Inner {
  const found = useContext(Context);
  if (!found)
    throw new Error(
      "There is no <SpineProvider client={…}> around this component: it says which API is meant.",
    );
  return found;
}
