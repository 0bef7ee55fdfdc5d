/** One change of Spine's own tables. Once released, its text is never changed: a new one is added. */
export interface PostgresMigration {
  /** Four digits and a name; migrations are applied in the order of their ids. */
  readonly id: string;
  /**
   * The newest migration that a version of Spine has to know to work with the tables after this one. An
   * expansion names an older one, so that two versions work side by side; a contraction names itself.
   */
  readonly minReader: string;
  /** @param schema the quoted name of the schema. */
  readonly sql: (schema: string) => string;
}
