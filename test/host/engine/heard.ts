import type { Decision } from "../../../host/engine/decision.ts";
import type { EngineNotice, EngineObserver } from "../../../host/engine/observer.ts";

/** Everything an engine told its observer. */
export class Heard implements EngineObserver {
  readonly notices: EngineNotice[] = [];
  readonly answers: Decision[] = [];
  readonly queries: string[] = [];
  readonly fetches: { readonly domain: string; readonly result: string; readonly seconds: number }[] = [];
  readonly storeFailures: { readonly failure: string; readonly domain: string; readonly detail: string }[] = [];
  readonly faults: { readonly where: string; readonly error: unknown }[] = [];

  notice(notice: EngineNotice): void {
    this.notices.push(notice);
  }
  answered(decision: Decision): void {
    this.answers.push(decision);
  }
  queried(outcome: string): void {
    this.queries.push(outcome);
  }
  fetched(domain: string, result: string, seconds: number): void {
    this.fetches.push({ domain, result, seconds });
  }
  storeFailed(failure: string, domain: string, detail: string): void {
    this.storeFailures.push({ failure, domain, detail });
  }
  fault(where: string, error: unknown): void {
    this.faults.push({ where, error });
  }

  /** Names of the notices so far, oldest first; then forgets them. */
  takeNotices(): string[] {
    return this.notices.splice(0).map(({ notice }) => notice);
  }
}
