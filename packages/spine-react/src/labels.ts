/** The texts of components, by name. */
export type Labels = Readonly<Record<string, string>>;
