import { type ChildProcess, spawnSync } from "node:child_process";
import type { Namespace } from "../lab/namespace.ts";

/** Why no Redis can run here; undefined when it can. */
export function whyNoRedis(): string | undefined {
  return spawnSync("redis-server", ["--version"]).error === undefined
    ? undefined
    : "redis-server is not installed: run .ci/install";
}

/** A real Redis in a namespace, nothing on disk, where Haraka keeps its no-TLS flags. */
export class Redis {
  readonly #namespace: Namespace;
  readonly #child: ChildProcess;

  private constructor(namespace: Namespace, child: ChildProcess) {
    this.#namespace = namespace;
    this.#child = child;
  }

  static async start(namespace: Namespace): Promise<Redis> {
    const child = namespace.spawn("redis-server", ["--save", "", "--appendonly", "no"], {
      stdio: ["ignore", "pipe", "ignore"],
    });
    await new Promise<void>((resolve, reject) => {
      child.once("exit", () => reject(new Error("redis-server has ended")));
      child.stdout?.setEncoding("utf8").on("data", (text) => {
        if (text.includes("Ready to accept connections")) resolve();
      });
    });
    return new Redis(namespace, child);
  }

  async command(...args: string[]): Promise<string[]> {
    const { stdout } = await this.#namespace.run("redis-cli", args);
    return stdout.split("\n").filter((line) => line !== "");
  }

  /** Addresses that Haraka will send to in the clear for a week. */
  async noTlsFlags(): Promise<string[]> {
    return this.command("keys", "no_tls|*");
  }

  async close(): Promise<void> {
    const ended = new Promise((resolve) => this.#child.once("exit", resolve));
    this.#child.kill();
    await ended;
  }
}
