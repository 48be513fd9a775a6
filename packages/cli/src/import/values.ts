/** A row to import: its values, by the names of its columns. */
export type Row = Readonly<Record<string, unknown>>;
