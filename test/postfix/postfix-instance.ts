import type { ChildProcess } from "node:child_process";
import { chownSync, copyFileSync, existsSync, mkdirSync, utimesSync, watch, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Namespace } from "../lab/namespace.ts";
import { enterScript } from "../roots/debian-root.ts";
import { type PostfixFlavour, userId } from "./flavour.ts";
import { type Delivery, MailLog, type WaitOptions } from "./mail-log.ts";
import type { NamespaceDoor } from "./namespace-door.ts";
import { mainCf, masterCf, type PostfixConfig, submissionPort } from "./postfix-config.ts";
import { type Message, submit } from "./submission.ts";
import { makeWorkDirectory, removeWorkDirectory } from "./work-directory.ts";

/** Where the smtp(8) client asks for TLS policies. */
export type PolicyServer =
  /** `host:port` inside the namespace. */
  | { readonly inet: string }
  /** A path; one inside the queue directory is shortened for the jailed smtp(8), which sees nothing else. */
  | { readonly unix: string };

export interface PostfixOptions {
  readonly flavour: PostfixFlavour;
  /** The network namespace to live in. */
  readonly namespace: Namespace;
  /** The same namespace's door, for submission. */
  readonly door: NamespaceDoor;
  /** Run the services in the queue directory as Debian does by default. Default false. */
  readonly jailed?: boolean;
  /** Copied; may be any readable PEM file. */
  readonly caFile?: string;
  /** More main.cf lines; they win over the harness's. */
  readonly parameters?: Readonly<Record<string, string>>;
}

/** How a command inside the namespace ended. */
export interface CommandResult {
  readonly rc: number;
  readonly stdout: string;
  readonly stderr: string;
}

let instances = 0;

/**
 * A private Postfix: its own configuration, queue and log in a temporary directory, its own network and resolver in
 * a namespace. It is the distribution's unchanged program, started and stopped as an administrator would.
 */
export class PostfixInstance {
  readonly directory: string;
  readonly log: MailLog;
  /** Its own loopback address: 127.0.0.1 stays free for MX hosts, and several instances can share a namespace. */
  readonly address: string;
  readonly #options: PostfixOptions;
  #running = false;

  constructor(options: PostfixOptions) {
    this.#options = options;
    this.address = `127.255.255.${++instances}`;
    this.directory = makeWorkDirectory();
    const config = this.#config();
    for (const name of ["conf", "queue", "data"]) mkdirSync(join(this.directory, name), { mode: 0o755 });
    const postfix = userId(options.flavour, "postfix");
    chownSync(join(this.directory, "data"), postfix, -1);
    if (options.caFile !== undefined && config.caFile !== undefined) copyFileSync(options.caFile, config.caFile);
    writeFileSync(this.#mainCf, mainCf(config));
    this.#settle();
    writeFileSync(join(this.directory, "conf/master.cf"), masterCf(config));
    writeFileSync(join(this.directory, "enter"), enterScript(options.flavour.root), { mode: 0o755 });
    this.log = new MailLog(join(this.directory, "maillog"));
  }

  /** Under here lies a unix socket that the jailed smtp(8) is to reach; each flavour's Postfix user must be let in. */
  get queueDirectory(): string {
    return join(this.directory, "queue");
  }

  /** Starts it and returns once it accepts mail. Rejects with Postfix's own words. */
  async start(): Promise<void> {
    // Postfix wants its addresses on an interface, even those of 127.0.0.0/8.
    await this.#checked(["ip", "address", "replace", `${this.address}/8`, "dev", "lo"], []);
    if (this.#options.jailed) await this.#fillJail();
    await this.#onTerminal("start");
    this.#running = true;
  }

  /** Stops it and waits for the end of its master process; nothing happens when it is not running. */
  async stop(): Promise<void> {
    if (!this.#running) return;
    await this.#onTerminal("stop");
    this.#running = false;
  }

  /** Stops it and removes everything it wrote. Safe to call twice. */
  async remove(): Promise<void> {
    try {
      await this.stop();
    } finally {
      this.log.close();
      removeWorkDirectory(this.directory);
    }
  }

  /** Changes main.cf, with a stop and a start around it when it runs: a reload would leave old smtp(8) processes. */
  async configure(parameters: Readonly<Record<string, string>>): Promise<void> {
    const wasRunning = this.#running;
    await this.stop();
    const settings = Object.entries(parameters).map(([name, value]) => `${name}=${value}`);
    await this.#checked(["postconf", "-c", this.#conf, "-e", ...settings]);
    this.#settle();
    if (wasRunning) await this.start();
  }

  /** The `smtp_tls_policy_maps` value for a policy server and a map name. */
  policyMap(server: PolicyServer, mapName: string): string {
    if ("inet" in server) return `socketmap:inet:${server.inet}:${mapName}`;
    const inside = server.unix.startsWith(`${this.queueDirectory}/`) && this.#options.jailed;
    return `socketmap:unix:${inside ? server.unix.slice(this.queueDirectory.length) : server.unix}:${mapName}`;
  }

  /** Value of one main.cf parameter, as this Postfix sees it. */
  async parameter(name: string): Promise<string> {
    return (await this.#checked(["postconf", "-c", this.#conf, "-h", name])).trim();
  }

  /** Submits by SMTP in the namespace; returns the queue id. */
  async send(message: Message): Promise<string> {
    return submit(await this.#options.door.connect(submissionPort, this.address), message);
  }

  /** The next delivery attempt of a message: the first call tells of the first attempt, and so on. */
  waitForStatus(queueId: string, options: WaitOptions & { readonly to?: string } = {}): Promise<Delivery> {
    return this.log.waitForDelivery(queueId, options.to, options);
  }

  /** Has one deferred message tried again now, whatever its back-off. */
  async requeue(queueId: string): Promise<void> {
    await this.#isDeferred(queueId);
    await this.#checked(["postqueue", "-c", this.#conf, "-i", queueId]);
  }

  /** Deletes every message in every queue. */
  async emptySpool(): Promise<void> {
    // A message on its way from one queue to another can escape one round.
    for (let round = 0; round < 20; round++) {
      await this.#checked(["postsuper", "-c", this.#conf, "-d", "ALL"]);
      if ((await this.queued()).length === 0) return;
    }
    throw new Error(`the spool of ${this.#options.flavour.name} does not become empty`);
  }

  /** Queue ids of all messages in the queue. */
  async queued(): Promise<string[]> {
    const listing = await this.#checked(["postqueue", "-c", this.#conf, "-j"]);
    return listing
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => (JSON.parse(line) as { queue_id: string }).queue_id);
  }

  /** `postmap -q KEY MAP`, as an administrator checks a map; it runs outside the jail. rc 1 and no words: not found. */
  postmapQuery(key: string, server: PolicyServer, mapName: string): Promise<CommandResult> {
    const place = "inet" in server ? `inet:${server.inet}` : `unix:${server.unix}`;
    return this.command(["postmap", "-c", this.#conf, "-q", key, `socketmap:${place}:${mapName}`]);
  }

  /** Runs a command where this Postfix runs: its namespace, its resolver, its root directory. */
  command(argv: readonly string[]): Promise<CommandResult> {
    return this.#run([join(this.directory, "enter"), ...argv]);
  }

  get #conf(): string {
    return join(this.directory, "conf");
  }

  get #mainCf(): string {
    return join(this.#conf, "main.cf");
  }

  // Every Postfix command waits until main.cf has been left alone for more than a second: say that it has.
  #settle(): void {
    const before = Date.now() / 1000 - 10;
    utimesSync(this.#mainCf, before, before);
  }

  #config(): PostfixConfig {
    const { jailed = false, caFile, parameters } = this.#options;
    const copy = caFile === undefined ? undefined : join(this.directory, "conf/ca.pem");
    const { directory, address } = this;
    return { directory, temporary: tmpdir(), address, jailed, caFile: copy, parameters };
  }

  // Before its log works Postfix writes errors only to a terminal: without one it exits 1 and says nothing.
  async #onTerminal(verb: "start" | "stop"): Promise<void> {
    const command = `'${join(this.directory, "enter")}' postfix -c '${this.#conf}' ${verb}`;
    const child = this.#options.namespace.spawn("script", ["-qec", command, "/dev/null"]);
    // Its standard input stays open: at the end of it `script` waits two seconds for the command to read it.
    const { rc, stdout } = await ended(child);
    if (rc === 0) return;
    const tail = this.log.lines.slice(-5).join("\n");
    throw new Error(`postfix ${verb} of ${this.#options.flavour.name} exited ${rc}:\n${stdout}${tail}`);
  }

  // What Debian's start script copies into the jail; the namespace's resolv.conf is what smtp(8) then resolves with.
  async #fillJail(): Promise<void> {
    const files = "for f in resolv.conf hosts services nsswitch.conf host.conf localtime";
    const copy = `${files}; do [ ! -e /etc/$f ] || cp -L /etc/$f "$1/etc/"; done`;
    await this.#checked(["sh", "-c", `mkdir -p "$1/etc" && ${copy}`, "sh", this.queueDirectory]);
  }

  // A delivery is logged before qmgr moves the message to the deferred queue; a flush before that is lost.
  #isDeferred(queueId: string): Promise<void> {
    const deferred = join(this.queueDirectory, "deferred");
    return new Promise((resolve, reject) => {
      const settle = () => {
        if (!existsSync(join(deferred, queueId))) return;
        clearTimeout(timer);
        watcher.close();
        resolve();
      };
      const watcher = watch(deferred, settle);
      const timer = setTimeout(() => {
        watcher.close();
        reject(new Error(`${queueId} did not come to the deferred queue`));
      }, 10_000);
      settle();
    });
  }

  async #checked(argv: readonly string[], enter = [join(this.directory, "enter")]): Promise<string> {
    const { rc, stdout, stderr } = await this.#run([...enter, ...argv]);
    if (rc !== 0) throw new Error(`${argv.join(" ")} exited ${rc}: ${stderr}`);
    return stdout;
  }

  async #run([file = "", ...args]: readonly string[]): Promise<CommandResult> {
    // Longer than Postfix itself waits for a policy server (100 s).
    const { code, stdout, stderr } = await this.#options.namespace.run(file, args, { timeout: 150_000 });
    return { rc: code ?? -1, stdout, stderr };
  }
}

function ended(child: ChildProcess): Promise<CommandResult> {
  return new Promise((resolve, reject) => {
    const parts = { stdout: "", stderr: "" };
    child.stdout?.setEncoding("utf8").on("data", (text) => (parts.stdout += text));
    child.stderr?.setEncoding("utf8").on("data", (text) => (parts.stderr += text));
    child.once("error", reject);
    child.once("close", (code) => resolve({ rc: code ?? -1, ...parts }));
  });
}
