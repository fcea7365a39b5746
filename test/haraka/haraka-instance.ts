import type { ChildProcess } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { Namespace } from "../lab/namespace.ts";
import type { NamespaceDoor } from "../postfix/namespace-door.ts";
import { type Message, submit } from "../postfix/submission.ts";
import type { HarakaRelease } from "./release.ts";

/** Sections of keys, as an .ini file has them; "main" first. */
export type Ini = Readonly<Record<string, Readonly<Record<string, string | number | boolean>>>>;

export interface InstanceOptions {
  readonly release: HarakaRelease;
  readonly namespace: Namespace;
  readonly door: NamespaceDoor;
  /** For its configuration, queue and store. */
  readonly directory: string;
  /** node_modules with the plugin; null for a stock Haraka. */
  readonly modules: string | null;
  /** Worker processes; 0 is a single process. */
  readonly nodes?: number;
  readonly env?: Readonly<Record<string, string>>;
  /** Files of config/, by name, over those made here. */
  readonly config?: Readonly<Record<string, Ini | string>>;
}

/** What became of one attempt at a message, as the hooks of Haraka tell it. */
export interface Attempted {
  readonly pid: number;
  readonly what: "delivered" | "deferred" | "bounced";
  readonly domain: string;
  readonly uuid: string;
  readonly to: readonly string[];
  readonly host?: string;
  readonly tls?: boolean;
  readonly reason?: string;
  readonly delay?: number;
  readonly status?: readonly string[];
}

/** The event "outcome" of the plugin, as bindings/haraka/README.md describes it. */
export interface Outcome {
  readonly domain: string;
  readonly mx: string;
  readonly address: string | null;
  readonly policy: {
    readonly type: "sts";
    readonly id: string;
    readonly mode: string;
    readonly lines: readonly string[];
  };
  readonly mode: "enforce" | "testing" | "report-only";
  readonly success: boolean;
  readonly resultType: string | null;
  readonly why: string;
  readonly detail: string;
  readonly tlsVersion: string | null;
}

const PORT = 2525;
const PATIENCE = 20_000;
const plugins = fileURLToPath(new URL("./plugins/", import.meta.url));

/** `haraka -c DIR` as an operator runs it, a process of its own in a namespace. */
export class HarakaInstance {
  readonly #options: InstanceOptions;
  #child: ChildProcess | null = null;
  #ended: Promise<void> = Promise.resolve();
  #log = "";

  constructor(options: InstanceOptions) {
    this.#options = options;
    const { directory, modules } = options;
    mkdirSync(join(directory, "config"), { recursive: true });
    mkdirSync(join(directory, "queue"), { recursive: true });
    symlinkSync(plugins, join(directory, "plugins"));
    if (modules !== null) symlinkSync(modules, join(directory, "node_modules"));
    for (const [file, content] of Object.entries({ ...defaults(options), ...options.config }))
      this.configure(file, content);
    writeFileSync(this.#record, "");
  }

  /** Everything it has printed. */
  get log(): string {
    return this.#log;
  }

  get isRunning(): boolean {
    return this.#child !== null;
  }

  get storePath(): string {
    return join(this.#options.directory, "mta-sts", "policies.db");
  }

  /** Writes a file of its configuration; Haraka reads .ini files again when they change. */
  configure(file: string, content: Ini | string): void {
    writeFileSync(
      join(this.#options.directory, "config", file),
      typeof content === "string" ? content : iniText(content),
    );
  }

  /** Resolves when every worker accepts mail. */
  async start(): Promise<void> {
    const { release, namespace, directory, env, nodes = 0 } = this.#options;
    const script = join(release.directory, "node_modules/Haraka/bin/haraka");
    const since = this.#log.length;
    const child = namespace.spawnNode(script, ["-c", directory], {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, NODE_ENV: "", HARAKA: "", LAB_RECORD: this.#record, ...env },
    });
    this.#child = child;
    for (const stream of [child.stdout, child.stderr])
      stream?.setEncoding("utf8").on("data", (text) => {
        this.#log += text;
      });
    this.#ended = new Promise((resolve) =>
      child.once("close", () => {
        this.#child = null;
        resolve();
      }),
    );
    const ready = nodes > 0 ? /worker \d+ listening on/g : /\] Listening on /g;
    await this.#until(() => (this.#log.slice(since).match(ready)?.length ?? 0) >= Math.max(1, nodes), "was not ready");
    // The plugin opens its store before Haraka takes the queue in hand.
    if (this.#options.modules !== null && this.hasPlugin)
      await this.#until(
        () =>
          (this.#log.slice(since).match(/MTA-STS is applied|engine did not start/g)?.length ?? 0) >= Math.max(1, nodes),
        "did not start the plugin",
      );
  }

  get hasPlugin(): boolean {
    return readFileSync(join(this.#options.directory, "config/plugins"), "utf8").includes("mta-sts");
  }

  /** Submits one message; returns Haraka's transaction UUID. */
  async send(message: Pick<Message, "to"> & Partial<Message>): Promise<string> {
    const socket = await this.#options.door.connect(PORT);
    return submit(socket, { from: "a@sender.lab.test", subject: "Hello", ...message });
  }

  /** What has become of a message so far. */
  attempts(uuid: string): Attempted[] {
    return this.#recorded<Attempted>().filter(
      (entry): entry is Attempted => entry.what !== "outcome" && entry.uuid.startsWith(uuid),
    );
  }

  /** What the plugin told of sessions with MX hosts of a domain. */
  outcomes(domain: string): Outcome[] {
    return this.#recorded<Outcome>().filter((entry) => entry.what === "outcome" && entry.domain === domain);
  }

  #recorded<Entry>(): (Omit<Entry, "what"> & { readonly what: string })[] {
    return readFileSync(this.#record, "utf8")
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line));
  }

  /** Waits for the `count`-th attempt at a message. */
  async attempt(uuid: string, count = 1, patience = PATIENCE): Promise<Attempted> {
    await this.#until(() => this.attempts(uuid).length >= count, `made no attempt ${count} at ${uuid}`, patience);
    return this.attempts(uuid)[count - 1] as Attempted;
  }

  async sendAndWait(message: Pick<Message, "to"> & Partial<Message>): Promise<Attempted> {
    return this.attempt(await this.send(message));
  }

  /** Waits for words in the log; returns the line. */
  async waitForLog(words: RegExp, since = 0): Promise<string> {
    const find = () =>
      this.#log
        .slice(since)
        .split("\n")
        .find((line) => words.test(line));
    await this.#until(() => find() !== undefined, `did not log ${words}`);
    return find() as string;
  }

  /** Files in the queue now. */
  queued(): string[] {
    return readdirSync(join(this.#options.directory, "queue")).filter((name) => !name.startsWith("."));
  }

  async stop(signal: NodeJS.Signals = "SIGINT"): Promise<void> {
    if (this.#child === null) return;
    this.#child.kill(signal);
    await this.#ended;
  }

  async #until(done: () => boolean, what: string, patience = PATIENCE): Promise<void> {
    for (const end = Date.now() + patience; !done(); await sleep(10))
      if (Date.now() > end || (this.#child === null && !done()))
        throw new Error(`Haraka ${what}${this.#child === null ? ", it has ended" : ""}:\n${this.#log.slice(-6000)}`);
  }

  get #record(): string {
    return join(this.#options.directory, "record.jsonl");
  }
}

function defaults({ release, nodes = 0, modules }: InstanceOptions): Record<string, Ini | string> {
  return {
    me: "sender.lab.test\n",
    plugins: ["lab-mail", ...(modules === null ? [] : ["mta-sts"])].join("\n"),
    loglevel: "NOTICE\n",
    "smtp.ini": { main: { listen: `127.0.0.1:${PORT}`, nodes } },
    "connection.ini": readFileSync(join(release.directory, "node_modules/Haraka/config/connection.ini"), "utf8"),
    // Loopback is where the lab is; no second attempt unless a test asks for one.
    "outbound.ini": { main: { local_mx_ok: true, temp_fail_intervals: "1h*9", connect_timeout: 5 } },
    "tls.ini": { redis: { disable_for_failed_hosts: false } },
  };
}

function iniText(ini: Ini): string {
  return Object.entries(ini)
    .map(([section, keys]) => {
      const lines = Object.entries(keys).map(([key, value]) => `${key}=${value}\n`);
      return `[${section}]\n${lines.join("")}`;
    })
    .join("\n");
}
