/** How often each cell, fault and outcome was met. */
export class Tally {
  readonly counts = new Map<string, number>();

  hit(name: string, times = 1): void {
    this.counts.set(name, (this.counts.get(name) ?? 0) + times);
  }

  add(other: Tally): void {
    for (const [name, times] of other.counts) this.hit(name, times);
  }

  of(name: string): number {
    return this.counts.get(name) ?? 0;
  }

  /** Names that begin so, in order. */
  under(prefix: string): [string, number][] {
    return [...this.counts].filter(([name]) => name.startsWith(prefix)).sort(([a], [b]) => (a < b ? -1 : 1));
  }
}

const ROWS = [
  "TXT none, invalid or multiple",
  "TXT lookup failed",
  "TXT id = cached id",
  "TXT id differs or no cached id",
  "GET ok and body valid",
  "GET fails or body invalid",
  "all MX fail under enforce",
  "age exceeds max_age",
] as const;

export type TableRow = (typeof ROWS)[number];
export type Holding = "EMPTY" | "EXPIRED" | "FRESH";

export const cell = (row: TableRow, holding: Holding): string => `cell: ${row}: ${holding}`;

/** Cells of the table of requirements section H that can be: an empty domain has no cached id, and nothing to expire. */
export const CELLS: readonly string[] = ROWS.flatMap((row) =>
  (["EMPTY", "EXPIRED", "FRESH"] as const).map((holding) => [row, holding] as const),
)
  .filter(([row, holding]) => {
    if (row === "all MX fail under enforce") return holding === "FRESH";
    return holding !== "EMPTY" || (row !== "TXT id = cached id" && row !== "age exceeds max_age");
  })
  .map(([row, holding]) => cell(row, holding));
