import { type IncomingMessage, request } from "node:http";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { printable } from "../../host/observe/printable.ts";
import {
  type ControlError,
  type DaemonStatus,
  type Forgotten,
  POLICIES_PATH,
  STATUS_PATH,
} from "./control-protocol.ts";
import type { DomainView } from "./domain-view.ts";
import type { Explanation } from "./explanation.ts";

/** No daemon could be spoken to. The message says why and what to do. */
export class ControlUnreachable extends Error {
  override readonly name = "ControlUnreachable";
}

/** The daemon said no. */
export class ControlRefused extends Error {
  override readonly name = "ControlRefused";
  constructor(
    readonly code: ControlError["error"]["code"],
    message: string,
  ) {
    super(message);
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "there is no such socket",
  ECONNREFUSED: "nobody listens there any more",
  EACCES: "permission denied; run this as the user of the daemon, or as root",
  ENOTSOCK: "it is no socket",
};

/** Speaks to the daemon through its control socket. Every method rejects with ControlUnreachable or ControlRefused. */
export class ControlClient {
  constructor(readonly path: string) {}

  status(): Promise<DaemonStatus> {
    return this.#ask("GET", STATUS_PATH);
  }

  /** What is known of a domain; null when that is nothing. */
  show(domain: string): Promise<DomainView | null> {
    return this.#askKnown(`${POLICIES_PATH}/${domain}`);
  }

  /** The same with everything behind it. */
  explain(domain: string): Promise<Explanation | null> {
    return this.#askKnown(`${POLICIES_PATH}/${domain}/explain`);
  }

  async #askKnown<T>(path: string): Promise<T | null> {
    try {
      return await this.#ask<T>("GET", path);
    } catch (error) {
      if (error instanceof ControlRefused && error.code === "unknown-domain") return null;
      throw error;
    }
  }

  forget(domain: string): Promise<Forgotten> {
    return this.#ask("DELETE", `${POLICIES_PATH}/${domain}`);
  }

  refresh(domain: string): Promise<DomainView> {
    return this.#ask("POST", `${POLICIES_PATH}/${domain}/refresh`);
  }

  /** Every stored policy, in domain order. */
  async *list(): AsyncGenerator<DomainView> {
    const response = await this.#open("GET", POLICIES_PATH);
    if (response.statusCode !== 200) await this.#refusal(response);
    for await (const line of createInterface({ input: response })) yield JSON.parse(line) as DomainView;
    if (!response.complete)
      throw new ControlUnreachable(`${this.#name}: the daemon broke the list off; its log says why`);
  }

  async #ask<T>(method: string, path: string): Promise<T> {
    const response = await this.#open(method, path);
    if (response.statusCode !== 200) await this.#refusal(response);
    return JSON.parse(await text(response)) as T;
  }

  async #refusal(response: IncomingMessage): Promise<never> {
    const { error } = JSON.parse(await text(response)) as ControlError;
    throw new ControlRefused(error.code, error.message);
  }

  #open(method: string, path: string): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const outgoing = request({ socketPath: this.path, method, path, agent: false });
      outgoing.once("response", resolve);
      outgoing.once("error", (error: NodeJS.ErrnoException) => reject(this.#unreachable(error)));
      outgoing.end();
    });
  }

  #unreachable(error: NodeJS.ErrnoException): ControlUnreachable {
    const why = REASONS[error.code ?? ""] ?? printable(error.message, 120);
    return new ControlUnreachable(`no daemon answers on ${this.#name}: ${why}`, { cause: error });
  }

  get #name(): string {
    return printable(this.path);
  }
}
