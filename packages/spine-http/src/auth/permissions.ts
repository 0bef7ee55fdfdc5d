/** The presets. `viewer`: reads, but no outputs of steps. `operator`: starts and controls runs, schedules and alerts, too. `admin`: everything. */
export const PRESETS = ["viewer", "operator", "admin"] as const;
export type Preset = (typeof PRESETS)[number];

/** The permissions of the built-in operations. */
export const PERMISSIONS = [
  "health:read",
  "pipelines:read",
  "runs:read",
  "runs:output",
  "runs:start",
  "runs:cancel",
  "runs:retry",
  "runs:signal",
  "runs:bulk",
  "quality:read",
  "rejects:read",
  "rejects:write",
  "queues:read",
  "queues:write",
  "schedules:read",
  "schedules:write",
  "cursors:read",
  "cursors:write",
  "partitions:read",
  "partitions:backfill",
  "lineage:read",
  "alerts:read",
  "alerts:write",
  "workers:read",
] as const;
export type Permission = (typeof PERMISSIONS)[number];

/** A preset, or permissions by their names; those of plugins are texts of their own. */
export type Permissions = Preset | readonly (Permission | (string & {}))[];

const OPERATOR: ReadonlySet<string> = new Set<Permission>([
  "runs:output",
  "runs:start",
  "runs:cancel",
  "runs:retry",
  "runs:signal",
  "rejects:write",
  "schedules:write",
  "alerts:write",
  "partitions:backfill",
]);

/** Whether these permissions hold this one. What is no preset and no list holds none. */
export function holds(permissions: Permissions, permission: string): boolean {
  if (permissions === "admin") return true;
  if (permissions === "viewer") return permission.endsWith(":read");
  if (permissions === "operator") return permission.endsWith(":read") || OPERATOR.has(permission);
  return Array.isArray(permissions) && permissions.includes(permission);
}
