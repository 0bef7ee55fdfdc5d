import type { HttpRequest } from "../http-request.ts";
import type { Permissions } from "./permissions.ts";

/** Who asks, as far as the API has to know. */
export interface Principal {
  /** Stands with the runs that it starts (`api:<id>`), and keeps its idempotency keys apart from those of others. */
  readonly id: string;
  /** A preset, or the permissions one by one. */
  readonly permissions: Permissions;
  /** The part that it may see and work with; everything when left out. */
  readonly scope?: Scope;
}

/** What stands with something that a principal has done, of a length that Spine takes. */
export function nameOf({ id }: Pick<Principal, "id">): string {
  return id.slice(0, 200);
}

/** A part of all runs. With both, both have to fit. */
export interface Scope {
  /** Names of pipelines; `finra.*` for all that begin with `finra.`. */
  readonly pipelines?: readonly string[];
  /** A tag that runs have: those that the principal starts get it. */
  readonly tag?: string;
}

/** What a hook sees of a request. */
export type AuthRequest = Pick<HttpRequest, "method" | "path" | "query" | "header" | "peer" | "original">;

/** What is about to be done. */
export interface AccessRequest {
  readonly principal: Principal;
  /** The id of the operation, e.g. `runs.start`. */
  readonly operation: string;
  readonly permission: string;
  /** What stands in its path, e.g. `{ name: "demo.hello" }`. */
  readonly params: Readonly<Record<string, string>>;
}

/** Who may ask, and for what. Whatever a host's own middleware has decided: it is asked for every request. */
export interface Auth {
  /** Who asks; null when that is not known (401). */
  authenticate(request: AuthRequest): Principal | null | Promise<Principal | null>;
  /** Asked once the principal's permissions allow the operation; false refuses (403). */
  authorize?(request: AccessRequest): boolean | Promise<boolean>;
}
