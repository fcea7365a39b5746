import { chownSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { RunResult } from "../lab/namespace.ts";
import { userId } from "../postfix/flavour.ts";
import { enterScript } from "../roots/debian-root.ts";
import type { Attempt, Mta, MtaSurroundings } from "./mta.ts";

const program = fileURLToPath(new URL("../../dist/bindings/cli/main.js", import.meta.url));

/**
 * Exim with the configuration that `mta-sts exim-config` wrote, at its built-in place. No daemon of its own runs: a
 * message is delivered by the command that submits it, a queue run by the command that asks for it.
 */
export class Exim implements Mta {
  readonly #site: MtaSurroundings;

  private constructor(site: MtaSurroundings) {
    this.#site = site;
  }

  static async start(root: string, site: MtaSurroundings, local = ""): Promise<Exim> {
    const exim = new Exim(site);
    const owner = userId({ name: "Exim", root }, "Debian-exim");
    for (const name of ["etc", "spool", "log"]) {
      mkdirSync(exim.#path(name), { mode: 0o755 });
      chownSync(exim.#path(name), name === "etc" ? 0 : owner, 0);
    }
    writeFileSync(exim.#path("enter"), enterScript(root, { "/etc/exim4": exim.#path("etc") }), { mode: 0o755 });
    const generated = exim.#path("etc/mta-sts");
    const options = ["--config", site.configFile, "--ca-file", site.caFile, generated];
    const wrote = await site.namespace.run(process.execPath, [program, "exim-config", ...options]);
    if (wrote.code !== 0) throw new Error(`mta-sts exim-config: ${wrote.stderr}`);
    if (local !== "") writeFileSync(join(generated, "local.conf"), local);
    writeFileSync(exim.#path("etc/exim4.conf"), configuration(generated, exim.#path("spool"), exim.#path("log")));
    return exim;
  }

  async send(to: string, subject: string): Promise<Attempt> {
    this.forgetHints();
    return this.#attempt(await this.submit([to], subject), to);
  }

  /** Puts a message into the queue and has it delivered, or leaves it there; returns its id. */
  async submit(to: readonly string[], subject: string, when: "now" | "later" = "now"): Promise<string> {
    const before = new Set(this.#log().match(ID));
    const message = `From: a@sender.lab.test\nTo: ${to.join(", ")}\nSubject: ${subject}\n\nTest message.\n`;
    await this.run([when === "now" ? "-odf" : "-odq", "-f", "a@sender.lab.test", ...to], message);
    const id = this.#log()
      .match(ID)
      ?.find((found) => !before.has(found));
    if (id === undefined) throw new Error(`Exim took no message; its log ends with\n${this.log()}`);
    return id;
  }

  /**
   * Hands a message in over SMTP, to an Exim with one more line in its main section and ACLs of its own. It takes each
   * recipient that it does not refuse.
   */
  async receive(to: readonly string[], subject: string, main: string, acls: string): Promise<RunResult> {
    const own = readFileSync(this.#path("etc/exim4.conf"), "utf8");
    const file = this.#path("etc/receiving.conf");
    const receiving = own.replace(
      "begin routers",
      `${main}\nsmtp_enforce_sync = false\n\nbegin acl\n${acls}\n\nbegin routers`,
    );
    writeFileSync(file, receiving);
    const commands = ["EHLO client.lab.test", "MAIL FROM:<a@sender.lab.test>", ...to.map((one) => `RCPT TO:<${one}>`)];
    const message = ["DATA", `Subject: ${subject}`, "", "Test message.", ".", "QUIT", ""];
    return this.run(["-C", "/etc/exim4/receiving.conf", "-odf", "-bs"], [...commands, ...message].join("\r\n"));
  }

  /** What it logged, of one message or of all. */
  log(id = ""): string {
    const lines = this.#log()
      .split("\n")
      .filter((line) => line.includes(id));
    return lines.join("\n");
  }

  /** So that a failure before does not keep it from trying a host now. */
  forgetHints(): void {
    rmSync(this.#path("spool/db"), { recursive: true, force: true });
  }

  isQueued(id: string): boolean {
    return existsSync(this.#path(`spool/input/${id}-H`));
  }

  /** Runs exim with these arguments. */
  async run(args: readonly string[], input = ""): Promise<RunResult> {
    return this.#site.namespace.run(this.#path("enter"), ["/usr/sbin/exim4", ...args], { input });
  }

  async stop(): Promise<void> {
    // Nothing runs between two commands.
  }

  #attempt(id: string, to: string): Attempt {
    const log = this.log(id);
    const returned = log.split("\n").some((line) => line.includes(` ** ${to}`));
    return { status: this.isQueued(id) ? "deferred" : returned ? "returned" : "sent", log };
  }

  #log(): string {
    return readdirSync(this.#path("log"))
      .filter((name) => name.startsWith("main"))
      .map((name) => readOr(this.#path(`log/${name}`)))
      .join("");
  }

  #path(name: string): string {
    return join(this.#site.directory, name);
  }
}

const ID = /\b[0-9A-Za-z]{6}-[0-9A-Za-z]{6,11}-[0-9A-Za-z]{2,4}(?= <= a@)/g;

const readOr = (path: string): string => (existsSync(path) ? readFileSync(path, "utf8") : "");

function configuration(generated: string, spool: string, log: string): string {
  return `# An ordinary Exim with the three files in their places.
primary_hostname = sender.lab.test
domainlist local_domains = sender.lab.test
spool_directory = ${spool}
log_file_path = ${log}/%s
local_interfaces = 127.0.0.1
disable_ipv6 = true
keep_environment =
dns_dnssec_ok = 1
log_selector = +tls_certificate_verified +tls_sni +dnssec +tls_cipher
# The lab's MX hosts are on loopback.
MTA_STS_IGNORE = 0.0.0.0
.include ${generated}/main.conf

begin routers
.include ${generated}/routers.conf
own:
  driver = accept
  transport = nowhere

begin transports
.include ${generated}/transports.conf
nowhere:
  driver = appendfile
  file = /dev/null
  user = Debian-exim

begin retry
*  *  F,1h,5m
`;
}
