import type { ChildProcess } from "node:child_process";
import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Namespace } from "../lab/namespace.ts";
import type { NamespaceDoor } from "../postfix/namespace-door.ts";
import { type Message, submit } from "../postfix/submission.ts";
import { projectRoot } from "./project-root.ts";
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
  /** A directory to copy in place of the one made here, for its plugins and configuration. */
  readonly template?: string;
  /** Files of config/, by name, over those that are there. */
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
  readonly policy:
    | { readonly type: "sts"; readonly id: string; readonly mode: string; readonly lines: readonly string[] }
    | { readonly type: "tlsa"; readonly base: string; readonly lines: readonly string[] };
  readonly mode: "enforce" | "testing" | "report-only";
  readonly success: boolean;
  readonly resultType: string | null;
  readonly why: string;
  readonly detail: string;
  readonly tlsVersion: string | null;
}

const PORT = 2525;
const PATIENCE = 20_000;
const plugins = join(projectRoot, "test/haraka/plugins");

/** `haraka -c DIR` as an operator runs it, a process of its own in a namespace. */
export class HarakaInstance {
  readonly #options: InstanceOptions;
  #child: ChildProcess | null = null;
  #ended: Promise<void> = Promise.resolve();
  #log = "";

  constructor(options: InstanceOptions) {
    this.#options = options;
    const { directory, modules, template } = options;
    if (template === undefined) this.#make();
    else cpSync(template, directory, { recursive: true });
    if (modules !== null) symlinkSync(modules, join(directory, "node_modules"));
    for (const [file, content] of Object.entries(options.config ?? {})) this.configure(file, content);
    writeFileSync(this.#record, "");
  }

  #make(): void {
    const { directory } = this.#options;
    for (const folder of ["config", "queue"]) mkdirSync(join(directory, folder), { recursive: true });
    symlinkSync(plugins, join(directory, "plugins"));
    for (const [file, content] of Object.entries(defaults(this.#options))) this.configure(file, content);
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

  /**
   * Resolves when every worker accepts mail, and its policy engine runs or has failed to. `later`: seconds that have
   * passed for this Haraka since its first start; it then lives in a time namespace (time_namespaces(7)).
   */
  async start({ engine = this.hasPlugin, later = 0 } = {}): Promise<void> {
    const { release, namespace, directory, env, nodes = 0 } = this.#options;
    const script = join(release.directory, "node_modules/Haraka/bin/haraka");
    const since = this.#log.length;
    const offsets = ["--monotonic", "--boottime"].flatMap((clock) => [clock, String(later)]);
    const unshare = ["--time", ...offsets, "--fork", "--kill-child=SIGKILL", process.execPath];
    const [file, args] = later > 0 ? ["unshare", unshare] : [process.execPath, []];
    const child = namespace.spawn(file, [...args, script, "-c", directory], {
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
    if (engine)
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
    const text = readFileSync(this.#record, "utf8");
    // A line that a worker is writing has no end yet.
    const lines = text.slice(0, text.lastIndexOf("\n") + 1).split("\n");
    return lines.filter((line) => line !== "").map((line) => JSON.parse(line));
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

  /** Processor time it has used, user and system, in clock ticks (proc(5): 1/100 s). */
  cpuTicks(): number {
    const fields = readFileSync(`/proc/${this.#child?.pid}/stat`, "utf8")
      .replace(/^.*\) /s, "")
      .split(" ");
    return Number(fields[11]) + Number(fields[12]);
  }

  /** Files in the queue now. */
  queued(): string[] {
    return readdirSync(join(this.#options.directory, "queue")).filter((name) => !name.startsWith("."));
  }

  async stop(signal: NodeJS.Signals = "SIGINT"): Promise<void> {
    if (this.#child === null) return;
    process.kill(this.#pid(this.#child.pid as number), signal);
    await this.#ended;
  }

  /** What was spawned may be unshare(1); Haraka is then its only child. */
  #pid(spawned: number): number {
    if (!readFileSync(`/proc/${spawned}/comm`, "utf8").startsWith("unshare")) return spawned;
    return Number(readFileSync(`/proc/${spawned}/task/${spawned}/children`, "utf8"));
  }

  async #until(done: () => boolean, what: string, patience = PATIENCE): Promise<void> {
    for (const end = Date.now() + patience; !done(); await sleep(10))
      if (Date.now() > end || (this.#child === null && !done()))
        throw new Error(`Haraka ${what}${this.#child === null ? ", it has ended" : ""}:\n${this.#log.slice(-6000)}`);
  }

  /** What it must be able to write beside the store: its queue, and the record of its hooks. */
  get writtenTo(): readonly string[] {
    return [join(this.#options.directory, "queue"), this.#record];
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
