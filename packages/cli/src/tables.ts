/** The tables as data, read from the SQL that the migrations print: each column stands on a line of its own there. */

export interface Column {
  readonly type: string;
  readonly nullable: boolean;
  /** Compared byte by byte, where the dialect has to be told. */
  readonly exact: boolean;
  readonly hasDefault: boolean;
}

/** A column with what only the migrations say. */
export interface PrintedColumn extends Column {
  readonly isPrimary: boolean;
  readonly isUnique: boolean;
}

export interface PrintedTable {
  readonly columns: ReadonlyMap<string, PrintedColumn>;
  /** By name: the columns that each is on. */
  readonly indices: ReadonlyMap<string, readonly string[]>;
}

/** Every table of this SQL by its name, without a schema. */
export function readTables(text: string): Map<string, PrintedTable> {
  const tables = new Map<string, PrintedTable>();
  const created = /create table if not exists (?:[`"][^`"]+[`"]\.)?[`"]([^`"]+)[`"] \(\n(.*?)\n\)/gs;
  for (const [, name, body] of text.matchAll(created)) {
    const lines = body!.split('\n').map((line) => line.trim().replace(/,$/, ''));
    const inside = lines.flatMap((line) => [...line.matchAll(/^index [`"]([^`"]+)[`"] \((.*)\)$/g)]);
    const beside = [
      ...text.matchAll(
        /create index if not exists [`"]([^`"]+)[`"] on (?:[`"][^`"]+[`"]\.)?[`"]([^`"]+)[`"] \((.*)\)/g,
      ),
    ]
      .filter(([, , on]) => on === name)
      .map(([all, index, , columns]) => [all, index, columns] as const);
    const indices = [...inside, ...beside].map(([, index, columns]) => [index!, columns!.split(', ')] as const);
    const columns = lines
      .filter((line) => !line.startsWith('index '))
      .map((line) => {
        const [, column, type, rest = ''] = /^(\w+) ([a-z]+(?:\(\d+\))?)(.*)$/.exec(line)!;
        return [
          column!,
          {
            type: type!,
            nullable: !rest.includes('not null'),
            exact: rest.includes('collate "C"'),
            hasDefault: rest.includes('default'),
            isPrimary: rest.includes('primary key'),
            isUnique: rest.includes('unique'),
          },
        ] as const;
      });
    tables.set(name!, { columns: new Map(columns), indices: new Map(indices) });
  }
  return tables;
}
