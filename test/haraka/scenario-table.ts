import type { Delivery } from "../lab/mx-server.ts";
import type { Attempted } from "./haraka-instance.ts";

/** What became of each scenario in each setup, printed after the run. */
export class ScenarioTable {
  readonly #scenarios: readonly string[];
  readonly #setups: readonly string[];
  readonly #cells = new Map<string, string>();

  constructor(scenarios: readonly string[], setups: readonly string[]) {
    this.#scenarios = scenarios;
    this.#setups = setups;
  }

  set(scenario: string, setup: string, attempt: Attempted, taken: Delivery | undefined): void {
    this.#cells.set(`${scenario} ${setup}`, cell(attempt, taken));
  }

  print(): void {
    if (this.#cells.size === 0) return;
    const setups = this.#setups.filter((setup) => this.#scenarios.some((name) => this.#cells.has(`${name} ${setup}`)));
    const rows = [["scenario", ...setups], ...this.#scenarios.map((name) => [name, ...this.#row(name, setups)])];
    const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
    const text = rows.map((row) =>
      row
        .map((part, column) => part.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    );
    console.log(`\n${text.join("\n")}\n`);
  }

  #row(scenario: string, setups: readonly string[]): string[] {
    return setups.map((setup) => this.#cells.get(`${scenario} ${setup}`) ?? "-");
  }
}

function cell({ what }: Attempted, taken: Delivery | undefined): string {
  if (taken === undefined) return what;
  return `${taken.tls ? "TLS to" : "IN CLEAR to"} ${taken.mx.split(".")[0]}`;
}
