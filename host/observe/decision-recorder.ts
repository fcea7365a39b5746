import { closeSync, openSync, writeSync } from "node:fs";
import type { StepRequest } from "../core/step.ts";
import { headerLine, type RecordedStep, stepLine } from "../core/step-record.ts";

export interface RecorderOptions {
  /** Must not exist yet: a record is never written over, and never through somebody's symbolic link. */
  readonly path: string;
  readonly maxBytes: number;
  /** Name and version of this program. */
  readonly program: string;
  /** The record ends here; called once. */
  readonly onEnd: (why: string) => void;
}

/**
 * Writes decisions to a file, one line each, until it is full or cannot be written; the decisions themselves go on. It
 * holds domains, records and policies, never a message. Lines are written whole, in order, before the decision is acted
 * upon, so that what made a process end is in it.
 */
export class DecisionRecorder {
  readonly #options: RecorderOptions;
  #file: number | null;
  #bytes = 0;

  /** @throws the error of the file system when the file exists or cannot be made. */
  constructor(options: RecorderOptions) {
    this.#options = options;
    this.#file = openSync(options.path, "wx", 0o600);
    this.#write(headerLine(options.program));
  }

  /** Never throws. */
  record({ domain, event, clock }: StepRequest, step: RecordedStep): void {
    if (this.#file !== null) this.#write(stepLine({ domain, event: event.kind, now: clock.now }, step));
  }

  close(): void {
    if (this.#file !== null) closeSync(this.#file);
    this.#file = null;
  }

  #write(text: string): void {
    const line = Buffer.from(`${text}\n`);
    const { maxBytes, onEnd } = this.#options;
    if (this.#bytes + line.length > maxBytes) {
      this.close();
      onEnd(`it has reached its ${Math.floor(maxBytes / 1048576)} MiB`);
      return;
    }
    try {
      writeSync(this.#file as number, line);
      this.#bytes += line.length;
    } catch (error) {
      this.close();
      onEnd((error as Error).message);
    }
  }
}
