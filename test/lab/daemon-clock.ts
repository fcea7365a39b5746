import { renameSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { DaemonOptions } from "../daemon/daemon-process.ts";

/** The clocks of one daemon, moved by a test. Whole seconds. */
export class DaemonClock {
  readonly #file: string;
  #wall = 0;
  #uptime = 0;
  #boot = "the first boot";

  /** `file`: where the daemon reads what time it is; in a folder that exists. */
  constructor(file: string) {
    this.#file = file;
    this.#write();
  }

  /** How to start a daemon that lives by this clock. */
  get options(): DaemonOptions {
    const preload = fileURLToPath(new URL("./moved-clock.mjs", import.meta.url));
    return { nodeArgs: ["--import", preload], env: { LAB_CLOCK: this.#file } };
  }

  /** Time goes by, for both clocks. */
  pass(seconds: number): void {
    this.#wall += seconds;
    this.#uptime += seconds;
    this.#write();
  }

  /** Somebody sets the wall clock: so far from where it stands. */
  set(seconds: number): void {
    this.#wall += seconds;
    this.#write();
  }

  /** Somebody sets the wall clock to a Unix time. */
  setTo(unixTime: number): void {
    this.#wall = unixTime - Math.floor(Date.now() / 1000);
    this.#write();
  }

  /** The machine is booted again, its monotonic clock starts from a minute. The daemon must not be running. */
  reboot(): void {
    this.#uptime = 60 - Math.floor(Number(process.hrtime.bigint() / 1_000_000_000n));
    this.#boot += " and another one";
    this.#write();
  }

  /** In one piece: the daemon reads it at any moment. */
  #write(): void {
    const next = `${this.#file}.next`;
    writeFileSync(next, JSON.stringify({ wall: this.#wall, uptime: this.#uptime, boot: this.#boot }));
    renameSync(next, this.#file);
  }
}
