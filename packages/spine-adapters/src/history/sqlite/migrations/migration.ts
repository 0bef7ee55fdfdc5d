import type { StateTables } from "../../state-tables.ts";

/** One change of Spine's own tables. Once released, its text is never changed: a new one is added. */
export interface Migration {
  /** Four digits and a name; migrations are applied in the order of their ids. */
  readonly id: string;
  readonly sql: (tables: StateTables) => string;
}
