import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { RunResult } from "../lab/namespace.ts";
import { enterScript } from "../roots/debian-root.ts";
import type { Attempt, Mta, MtaSurroundings } from "./mta.ts";

const example = (name: string) => readFileSync(new URL(`../../examples/sendmail/${name}`, import.meta.url), "utf8");

/** Sendmail with the lines of examples/sendmail. It delivers in the command that submits, or in a queue run. */
export class Sendmail implements Mta {
  readonly #site: MtaSurroundings;

  private constructor(site: MtaSurroundings) {
    this.#site = site;
  }

  /** `without` leaves a part of examples/sendmail out, to see what it is for. */
  static async start(
    root: string,
    site: MtaSurroundings,
    without?: "wildcard-fix" | "recipient-check",
  ): Promise<Sendmail> {
    const sendmail = new Sendmail(site);
    mkdirSync(sendmail.#path("queue"), { mode: 0o700 });
    writeFileSync(sendmail.#path("enter"), enterScript(root), { mode: 0o755 });
    writeFileSync(sendmail.#path("sendmail.mc"), sendmail.#mc(without === "recipient-check"));
    const { stdout, stderr, code } = await sendmail.#enter(["m4", sendmail.#path("sendmail.mc")]);
    if (code !== 0) throw new Error(`m4: ${stderr}`);
    writeFileSync(sendmail.#path("sendmail.cf"), stdout, { mode: 0o644 });
    writeFileSync(sendmail.#path("fix.sed"), example("wildcard-fix.sed"));
    if (without !== "wildcard-fix")
      await sendmail.#enter(["sed", "-i", "-f", sendmail.#path("fix.sed"), sendmail.#path("sendmail.cf")]);
    return sendmail;
  }

  async send(to: string, subject: string): Promise<Attempt> {
    const { stdout, stderr } = await this.submit([to], subject, "now");
    const log = `${stdout}${stderr}`;
    if (this.isQueued(subject)) return { status: "deferred", log };
    // With -v it shows the session; what it did not send it says so.
    return { status: /\.\.\. Sent/.test(log) ? "sent" : "returned", log };
  }

  /** Of what is in the queue it delivers the "bulk" last. */
  submit(
    to: readonly string[],
    subject: string,
    when: "now" | "later",
    precedence = "first-class",
  ): Promise<RunResult> {
    const header = `From: a@sender.lab.test\nTo: ${to.join(", ")}\nPrecedence: ${precedence}\nSubject: ${subject}\n`;
    const message = `${header}\nTest message.\n`;
    // It delivers at once whenever it is to show the session.
    const mode = when === "now" ? ["-v", "-odi"] : ["-odq"];
    return this.run([...mode, "-i", "-f", "a@sender.lab.test", ...to], message);
  }

  /** Delivers what is in the queue, and waits for it: without -v this goes on behind the command. */
  runQueue(...options: readonly string[]): Promise<RunResult> {
    return this.run(["-q", "-v", ...options]);
  }

  /** Throws away what earlier tests left in the queue. */
  emptyQueue(): void {
    for (const name of readdirSync(this.#path("queue"))) rmSync(join(this.#path("queue"), name));
  }

  isQueued(subject: string): boolean {
    const queue = this.#path("queue");
    const control = readdirSync(queue).filter((name) => name.startsWith("qf"));
    return control.some((name) => readFileSync(join(queue, name), "utf8").includes(`Subject: ${subject}\n`));
  }

  run(args: readonly string[], input = ""): Promise<RunResult> {
    return this.#enter(["/usr/libexec/sendmail/sendmail", "-C", this.#path("sendmail.cf"), ...args], input);
  }

  async stop(): Promise<void> {
    // Nothing runs between two commands.
  }

  // Without a host name of two labels it sleeps for a minute.
  #enter(argv: readonly string[], input = ""): Promise<RunResult> {
    const named = ["--uts", "sh", "-c", 'hostname sender.lab.test; exec "$@"', "sh", this.#path("enter"), ...argv];
    return this.#site.namespace.run("unshare", named, { input });
  }

  #mc(unchecked: boolean): string {
    const lines = example("mta-sts.mc")
      .replace("/etc/ssl/certs/ca-certificates.crt", this.#site.caFile)
      .replace("/etc/ssl/certs", this.#site.directory);
    const end = unchecked ? lines.indexOf("LOCAL_TLS_RCPT") : lines.length;
    return `divert(-1)
define(\`_CF_DIR_', \`/usr/share/sendmail/cf/')
divert(0)dnl
include(\`/usr/share/sendmail/cf/m4/cf.m4')
OSTYPE(\`linux')
undefine(\`ALIAS_FILE')dnl
define(\`ALIAS_FILE', \`')dnl
define(\`QUEUE_DIR', \`${this.#path("queue")}')dnl
define(\`STATUS_FILE', \`${this.#path("statistics")}')dnl
define(\`confPID_FILE', \`${this.#path("pid")}')dnl
define(\`confDOMAIN_NAME', \`sender.lab.test')dnl
define(\`confDONT_BLAME_SENDMAIL', \`GroupWritableDirPathSafe,AssumeSafeChown')dnl
define(\`confTO_CONNECT', \`5s')dnl
define(\`confTO_IDENT', \`0')dnl
FEATURE(\`nocanonify')dnl
MAILER(\`smtp')
${lines.slice(0, end)}`;
  }

  #path(name: string): string {
    return join(this.#site.directory, name);
  }
}
