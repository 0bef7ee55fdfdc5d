import type { AlertChannel } from "./alerts/alert.ts";
import type { Source } from "./sources/source.ts";
import type { WorkflowData } from "./workflow/workflow.ts";

/**
 * What a package brings to a Spine: plain data. A plugin is usually a function that returns one, e.g.
 * `finra({ fileRoots: ["./incoming"] })`.
 */
export interface Plugin {
  /** Unique in a Spine. */
  readonly name: string;
  readonly workflows?: readonly WorkflowData[];
  readonly sources?: readonly Source[];
  readonly alertChannels?: readonly AlertChannel[];
}
