import type { StoreEvent, StoreNotice } from "../../../host/store/notice.ts";

/** Collects notices and lets a test wait for one. */
export class NoticeLog {
  readonly notices: StoreNotice[] = [];
  readonly #waiting = new Map<StoreEvent, () => void>();

  get events(): StoreEvent[] {
    return this.notices.map(({ event }) => event);
  }

  take(notice: StoreNotice): void {
    this.notices.push(notice);
    this.#waiting.get(notice.event)?.();
  }

  /** Resolves when a notice of this kind has come, at once if one came already. */
  async wait(event: StoreEvent): Promise<void> {
    if (this.events.includes(event)) return;
    await new Promise<void>((resolve) => this.#waiting.set(event, resolve));
  }
}
