import type { Pipeline, PipelineDetail, PipelineFilter } from "spine-http/client";
import { useSpine } from "../use-spine.ts";
import { type List, type ListOptions, type One, useList, useOne } from "./use-list.ts";

/** The pipelines that the server knows, by name, each with its newest run. */
export function usePipelines(filter: PipelineFilter = {}, options: ListOptions = {}): List<Pipeline> {
  return useList(useSpine().queries.pipelines(filter), options);
}

/** A pipeline: its steps, the JSON Schema of its parameters, its newest runs. */
export function usePipeline(name: string | null | undefined, options: ListOptions = {}): One<PipelineDetail> {
  const { enabled = true } = options;
  return useOne(useSpine().queries.pipeline(name ?? ""), { ...options, enabled: enabled && !!name });
}
