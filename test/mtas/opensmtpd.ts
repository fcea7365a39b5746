import type { ChildProcess } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { type NamespaceDoor, openDoor } from "../postfix/namespace-door.ts";
import { submit } from "../postfix/submission.ts";
import { enterScript } from "../roots/debian-root.ts";
import type { Attempt, Mta, MtaSurroundings } from "./mta.ts";
import { fromOutside, outside, submissionListener, user } from "./opensmtpd-submission.ts";

const project = fileURLToPath(new URL("../../", import.meta.url));
const example = (name: string) => readFileSync(join(project, "examples/opensmtpd", name), "utf8");
const port = 2528;
const RESULTS = { Ok: "sent", TempFail: "deferred", PermFail: "returned" } as const;

interface Submitted {
  readonly id?: string;
  readonly refusal: string;
}

/** A message of the machine itself, or of a user who has authenticated from elsewhere. */
type Origin = "local" | "user";

/** smtpd(8) with the lines of examples/opensmtpd and the table helper that they start. */
export class OpenSmtpd implements Mta {
  readonly #site: MtaSurroundings;
  readonly #door: NamespaceDoor;
  readonly #lines: string[] = [];
  readonly #waiting = new Set<() => void>();
  #child: ChildProcess | null = null;
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(site: MtaSurroundings, door: NamespaceDoor) {
    this.#site = site;
    this.#door = door;
  }

  static async start(root: string, site: MtaSurroundings): Promise<OpenSmtpd> {
    const smtpd = new OpenSmtpd(site, await openDoor(site.namespace));
    await smtpd.#start(root);
    return smtpd;
  }

  async send(to: string, subject: string, origin: Origin = "local"): Promise<Attempt> {
    // One submission after the other; the deliveries run side by side.
    const submitted = this.#turn.then(() => this.submit(to, subject, origin));
    this.#turn = submitted.catch(() => undefined);
    const { id, refusal } = await submitted;
    if (id === undefined) return { status: "deferred", log: refusal };
    const [log, result] = await this.#waitFor(
      new RegExp(
        `Failed to retrieve smarthost for envelope ${id.replace(/^0+/, "")}|mta delivery evpid=${id}.* result="(\\w+)".*`,
      ),
    );
    return { status: RESULTS[(result ?? "TempFail") as keyof typeof RESULTS], log };
  }

  log(): string {
    return this.#lines.join("\n");
  }

  /** Has everything in the queue tried again now. */
  async retry(): Promise<void> {
    const { code, stderr } = await this.#site.namespace.run("nsenter", this.#beside(["smtpctl", "schedule", "all"]));
    if (code !== 0) throw new Error(`smtpctl schedule: ${stderr}`);
  }

  // In the mount namespace and the root of the one that runs: there its control socket is.
  #beside(argv: readonly string[]): string[] {
    return ["--target", String(this.#child?.pid), "--mount", "--root", ...argv];
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.#child?.once("close", resolve));
    if (this.#child?.exitCode === null) {
      this.#child.kill("SIGTERM");
      await ended;
    }
    await this.#door.close();
  }

  /** The message's id, or the 4xx reply to RCPT: then the message stays with whoever submits it. */
  async submit(to: string, subject: string, origin: Origin = "local"): Promise<Submitted> {
    const socket = origin === "user" ? await fromOutside(this.#door) : await this.#door.connect(port);
    const message = { from: "a@sender.lab.test", to, subject };
    try {
      return { id: await submit(socket, origin === "user" ? { ...message, user } : message), refusal: "" };
    } catch (error) {
      const [, refusal] = /^submission refused, wanted 250: (4.*)/s.exec((error as Error).message) ?? [];
      if (refusal === undefined) throw error;
      return { refusal };
    }
  }

  async #start(root: string): Promise<void> {
    for (const name of ["spool", "run", "empty", "libexec"]) mkdirSync(this.#path(name), { mode: 0o711 });
    const program = "/opt/node/node /opt/mta-sts/dist/bindings/cli/main.js";
    writeFileSync(
      this.#path("libexec/table-mtasts"),
      example("table-mtasts").replace("/usr/local/bin/mta-sts", program),
      { mode: 0o755 },
    );
    const binds = {
      "/var/spool/smtpd": this.#path("spool"),
      "/run": this.#path("run"),
      "/var/lib/opensmtpd/empty": this.#path("empty"),
      "/usr/libexec/opensmtpd": this.#path("libexec"),
      "/opt/node": dirname(process.execPath),
      "/opt/mta-sts": project,
    };
    writeFileSync(this.#path("enter"), enterScript(root, binds), { mode: 0o755 });
    writeFileSync(this.#path("smtpd.conf"), await this.#configuration(), { mode: 0o644 });
    await this.#addAddress();
    const child = this.#site.namespace.spawn(
      this.#path("enter"),
      ["/usr/sbin/smtpd", "-d", "-f", this.#path("smtpd.conf")],
      {
        stdio: ["ignore", "pipe", "pipe"],
      },
    );
    this.#child = child;
    for (const stream of [child.stdout, child.stderr])
      if (stream) createInterface({ input: stream }).on("line", (line) => this.#take(line));
    child.once("close", () => this.#take("smtpd has ended"));
    await this.#waitFor(/ smtpd: .* starting|info: OpenSMTPD .* starting/);
    await this.#listening();
  }

  // It asks for addresses of a family only where the machine has one that is not loopback (AI_ADDRCONFIG).
  async #addAddress(): Promise<void> {
    const commands = [
      ["link", "add", "outside", "type", "veth", "peer", "name", "inside"],
      ["address", "add", `${outside}/24`, "dev", "outside"],
      ["link", "set", "outside", "up"],
      ["link", "set", "inside", "up"],
    ];
    for (const args of commands) {
      const { code, stderr } = await this.#site.namespace.run("ip", args);
      if (code !== 0) throw new Error(`ip ${args.join(" ")}: ${stderr}`);
    }
  }

  async #configuration(): Promise<string> {
    const lines = example("smtpd.conf")
      .replace("/etc/mta-sts/config.yaml", this.#site.configFile)
      .replace("/etc/ssl/certs/ca-certificates.crt", this.#site.caFile);
    return `listen on 127.0.0.1 port ${port} hostname sender.lab.test
${await submissionListener(this.#site.directory)}${lines}
match auth from any for any action "opportunistic"
`;
  }

  async #listening(): Promise<void> {
    for (let tries = 50; ; tries--)
      try {
        (await this.#door.connect(port)).destroy();
        return;
      } catch (error) {
        if (tries === 0)
          throw new Error(`smtpd does not listen: ${(error as Error).message}\n${this.#lines.join("\n")}`);
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
  }

  #take(line: string): void {
    this.#lines.push(line);
    for (const look of [...this.#waiting]) look();
  }

  #waitFor(wanted: RegExp): Promise<RegExpExecArray> {
    return new Promise((resolve, reject) => {
      const end = (act: () => void) => {
        clearTimeout(timer);
        this.#waiting.delete(look);
        act();
      };
      const fail = () =>
        end(() => reject(new Error(`smtpd did not log ${wanted}:\n${this.#lines.slice(-20).join("\n")}`)));
      const look = () => {
        const found = this.#lines.map((line) => wanted.exec(line)).find((match) => match !== null);
        if (found) return end(() => resolve(found));
        if (this.#lines.at(-1) === "smtpd has ended") fail();
      };
      const timer = setTimeout(fail, 30_000);
      this.#waiting.add(look);
      look();
    });
  }

  #path(name: string): string {
    return join(this.#site.directory, name);
  }
}
