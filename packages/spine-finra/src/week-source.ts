import { type Page, type Source, SpineError, type StreamOptions } from "spine-core";
import { finraOtc } from "./finra-otc.ts";
import type { FinraOtcOptions } from "./finra-otc-options.ts";
import type { FinraOtcRequest } from "./week-query.ts";
import type { WeeklyRow } from "./weekly-file-columns.ts";
import {
  finraWeeklyFile,
  OTC_TRANSPARENCY,
  type WeeklyFileRequest,
  type WeeklyFileSourceOptions,
} from "./weekly-file-source.ts";

/** A week from a service, by the name that runs record it by. */
export interface FinraServiceRequest extends FinraOtcRequest {
  /** The `origin` of one of the services that the plugin was given. */
  readonly source: string;
}

/** A week, either way. */
export type WeekRequest = WeeklyFileRequest | FinraServiceRequest;

/**
 * Weeks from wherever a run says: a file, or one of several services. A run keeps to its own: rows of one never follow
 * on rows of another, and where a service is not set up, the run fails instead of taking another.
 */
export function weekSource(
  files: WeeklyFileSourceOptions,
  services: readonly FinraOtcOptions[],
): Source<WeekRequest, WeeklyRow> {
  const file = finraWeeklyFile({ ...files, name: OTC_TRANSPARENCY });
  const known = new Map<string, ReturnType<typeof finraOtc>>();
  for (const options of services) {
    const service = finraOtc(options);
    if (known.has(service.origin)) {
      throw new SpineError("CONFIG_INVALID", `finra: two of queryApi have the origin "${service.origin}".`);
    }
    known.set(service.origin, service);
  }
  return Object.freeze({
    name: OTC_TRANSPARENCY,
    stream(request: WeekRequest, streaming?: StreamOptions): AsyncIterable<Page<WeeklyRow>> {
      if ("path" in request) return file.stream(request, streaming);
      const { source, ...week } = request;
      const service = known.get(source);
      if (service) return service.stream(week, streaming);
      throw new SpineError(
        "CONFIG_INVALID",
        `This run takes its rows from "${source}", which finra({ queryApi }) was not given; it has ${[...known.keys()].join(", ") || "none"}. Start it where that source is set up.`,
        { context: { source } },
      );
    },
  });
}
