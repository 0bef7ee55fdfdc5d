import type {
  Alert,
  AlertFilter,
  AlertGroup,
  Channel,
  Delivery,
  DeliveryFilter,
  Event,
  Log,
  PartitionCell,
  PartitionedTable,
  PartitionRange,
  PartitionReport,
  Pipeline,
  PipelineDetail,
  PipelineFilter,
  QualityResult,
  Readiness,
  Reject,
  RejectFilter,
  Run,
  RunFilter,
  RunFull,
  Schedule,
  ScheduleFilter,
  ScheduleTimes,
  Session,
  Silence,
  SpineClient,
  Stats,
  StatsFilter,
  Status,
  Tick,
  TrendFilter,
  TrendItem,
} from "spine-http/client";
import { itemsOf, pages, query } from "./make-query.ts";
import type { SpinePages, SpineQuery } from "./query-types.ts";
import { readiness } from "./readiness.ts";
import { retry, retryDelay } from "./retry.ts";
import { type SpineKeys, spineKeys } from "./spine-keys.ts";
import { statusQuery } from "./status-query.ts";

/** Options for TanStack Query of everything that the API can be asked. */
export interface SpineQueries {
  readonly keys: SpineKeys;
  /** How a run stands, with its steps, their attempts and progress. Asked again, it says what it knows, and gets 304 without a body. */
  readonly status: (runId: string) => SpineQuery<Status>;
  readonly run: (runId: string) => SpineQuery<RunFull>;
  readonly runs: (filter?: RunFilter) => SpinePages<Run>;
  readonly stats: (filter?: StatsFilter) => SpineQuery<Stats>;
  /** Events, the oldest first; the number of the last one known is the cursor. */
  readonly events: (runId: string) => SpinePages<Event, number>;
  readonly logs: (runId: string) => SpinePages<Log>;
  readonly quality: (runId: string) => SpineQuery<readonly QualityResult[]>;
  readonly trend: (filter: TrendFilter) => SpinePages<TrendItem>;
  readonly rejects: (runId: string, filter: RejectFilter) => SpinePages<Reject>;
  readonly pipelines: (filter?: PipelineFilter) => SpinePages<Pipeline>;
  readonly pipeline: (name: string) => SpineQuery<PipelineDetail>;
  readonly schedules: (filter?: ScheduleFilter) => SpinePages<Schedule>;
  readonly schedule: (name: string) => SpineQuery<Schedule>;
  readonly ticks: (name: string) => SpinePages<Tick>;
  /** The next times of a schedule. */
  readonly preview: (name: string, count?: number) => SpineQuery<readonly string[]>;
  /** When a schedule would run, before it is made. */
  readonly times: (schedule: ScheduleTimes) => SpineQuery<readonly string[]>;
  readonly partitionTables: () => SpineQuery<readonly PartitionedTable[]>;
  readonly partitions: (table: string, range?: PartitionRange) => SpinePages<PartitionCell>;
  readonly partitionReport: (
    table: string,
    range?: Omit<PartitionRange, "limit">,
  ) => SpineQuery<PartitionReport>;
  readonly alerts: (filter?: AlertFilter) => SpinePages<Alert>;
  readonly alertGroups: () => SpineQuery<readonly AlertGroup[]>;
  readonly silences: () => SpineQuery<readonly Silence[]>;
  readonly deliveries: (filter?: DeliveryFilter) => SpinePages<Delivery>;
  readonly channels: () => SpineQuery<readonly Channel[]>;
  readonly health: () => SpineQuery<Readiness>;
  readonly session: () => SpineQuery<Session>;
}

const made = new WeakMap<SpineClient, SpineQueries>();

/**
 * Options for TanStack Query, for loaders, prefetching and hooks of your own; no React is needed.
 *
 * @example
 * const queries = spineQueries(createClient({ baseUrl: "/spine" }));
 * await queryClient.prefetchQuery(queries.status(runId));
 * const { next_tick_at } = await queryClient.ensureQueryData(queries.schedule("nightly"));
 */
export function spineQueries(client: SpineClient): SpineQueries {
  const found = made.get(client) ?? queriesOf(client);
  made.set(client, found);
  return found;
}

function queriesOf(client: SpineClient): SpineQueries {
  const keys = spineKeys(client.baseUrl);
  return {
    keys,
    status: (id) => statusQuery(client, id),
    run: (id) =>
      query([...keys.run(id), "full"], ({ signal }) =>
        client.get("/history/runs/{id}", { params: { id }, signal }),
      ),
    runs: (filter = {}) =>
      pages(keys.runs(filter), (cursor, signal) =>
        client.get("/history/runs", { query: { ...filter, cursor }, signal }),
      ),
    stats: (filter = {}) =>
      query([...keys.all, "stats", filter], ({ signal }) =>
        client.get("/history/stats", { query: filter, signal }),
      ),
    events: (id) => ({
      queryKey: [...keys.run(id), "events"] as never,
      queryFn: ({ pageParam, signal }) =>
        client.get("/history/runs/{id}/events", {
          params: { id },
          query: { after: pageParam, limit: 200 },
          signal,
        }),
      initialPageParam: 0,
      getNextPageParam: ({ items }, _, after) => items.at(-1)?.seq ?? after,
      retry,
      retryDelay,
    }),
    logs: (id) =>
      pages([...keys.run(id), "logs"], (cursor, signal) =>
        client.get("/history/runs/{id}/logs", { params: { id }, query: { cursor }, signal }),
      ),
    quality: (id) =>
      query([...keys.run(id), "quality"], ({ signal }) =>
        itemsOf(client.get("/history/runs/{id}/quality", { params: { id }, signal })),
      ),
    trend: (filter) =>
      pages([...keys.all, "trend", filter], (cursor, signal) =>
        client.get("/history/quality", { query: { ...filter, cursor }, signal }),
      ),
    rejects: (id, filter) =>
      pages([...keys.run(id), "rejects", filter], (cursor, signal) =>
        client.get("/history/runs/{id}/rejects", { params: { id }, query: { ...filter, cursor }, signal }),
      ),
    pipelines: (filter = {}) =>
      pages([...keys.pipelines(), filter], (cursor, signal) =>
        client.get("/pipelines", { query: { ...filter, cursor }, signal }),
      ),
    pipeline: (name) =>
      query([...keys.pipelines(), "one", name], ({ signal }) =>
        client.get("/pipelines/{name}", { params: { name }, signal }),
      ),
    schedules: (filter = {}) =>
      pages([...keys.schedules(), filter], (cursor, signal) =>
        client.get("/scheduler/schedules", { query: { ...filter, cursor }, signal }),
      ),
    schedule: (name) =>
      query([...keys.schedules(), "one", name], ({ signal }) =>
        client.get("/scheduler/schedules/{name+}", { params: { name }, signal }),
      ),
    ticks: (name) =>
      pages([...keys.schedules(), "ticks", name], (cursor, signal) =>
        client.get("/scheduler/schedules/{name+}/ticks", { params: { name }, query: { cursor }, signal }),
      ),
    preview: (name, count = 5) =>
      query([...keys.schedules(), "preview", name, count], ({ signal }) =>
        itemsOf(
          client.get("/scheduler/schedules/{name+}/preview", { params: { name }, query: { count }, signal }),
        ),
      ),
    times: (schedule) =>
      query([...keys.all, "times", schedule], ({ signal }) =>
        itemsOf(client.get("/scheduler/preview", { query: schedule, signal })),
      ),
    partitionTables: () =>
      query(keys.partitions(), ({ signal }) => itemsOf(client.get("/partitions", { signal }))),
    partitions: (table, range = {}) =>
      pages([...keys.partitions(table), range], (cursor, signal) =>
        client.get("/partitions/{table}", { params: { table }, query: { ...range, cursor }, signal }),
      ),
    partitionReport: (table, range = {}) =>
      query([...keys.partitions(table), "report", range], ({ signal }) =>
        client.get("/partitions/{table}/report", { params: { table }, query: range, signal }),
      ),
    alerts: (filter = {}) =>
      pages([...keys.alerts(), filter], (cursor, signal) =>
        client.get("/alerts", { query: { ...filter, cursor }, signal }),
      ),
    alertGroups: () =>
      query([...keys.alerts(), "groups"], ({ signal }) => itemsOf(client.get("/alerts/groups", { signal }))),
    silences: () =>
      query([...keys.alerts(), "silences"], ({ signal }) =>
        itemsOf(client.get("/alerts/silences", { signal })),
      ),
    deliveries: (filter = {}) =>
      pages([...keys.alerts(), "deliveries", filter], (cursor, signal) =>
        client.get("/alerts/deliveries", { query: { ...filter, cursor }, signal }),
      ),
    channels: () =>
      query([...keys.alerts(), "channels"], ({ signal }) =>
        itemsOf(client.get("/alerts/channels", { signal })),
      ),
    health: () => query([...keys.all, "health"], ({ signal }) => readiness(client, signal)),
    session: () => query([...keys.all, "session"], ({ signal }) => client.get("/session", { signal })),
  };
}
