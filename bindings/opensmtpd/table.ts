import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";

/** The services of table(7) that a policy can answer. */
const SERVICES = ["domain", "relayhost"];

/** One line to the daemon, its reply; rejects when there is none. */
export type AskDaemon = (line: string) => Promise<string>;

/**
 * The stdio side of a table(7) helper, protocol 0.1 (OpenSMTPD 7.5 and later), until its input ends. What the daemon
 * cannot answer is an error, so smtpd defers (R-BIND-ALL-03); it is never "not found".
 */
export async function serveTable(input: Readable, output: Writable, ask: AskDaemon): Promise<void> {
  const write = (...fields: string[]) => output.write(`${fields.join("|")}\n`);
  let configured = false;
  for await (const line of createInterface({ input })) {
    if (configured) {
      // Not awaited: one slow domain must not hold up the others.
      void answer(line, ask).then((reply) => reply && write(...reply));
    } else if (line === "config|ready") {
      configured = true;
      for (const service of SERVICES) write("register", service);
      write("register", "ready");
    }
  }
}

/** `table|0.1|TIME|NAME|OPERATION|...`; a request that we do not know is answered with an error where it has an id. */
async function answer(line: string, ask: AskDaemon): Promise<string[] | null> {
  const [, , , , operation = "", ...rest] = line.split("|");
  if (operation === "update") return ["update-result", rest[0] ?? "", "ok"];
  const [service = "", id = "", ...key] = rest;
  if (id === "") return null;
  const result = await look(operation, service, key.join("|"), ask).catch(() => ["error"]);
  return [`${operation}-result`, id, ...result];
}

async function look(operation: string, service: string, key: string, ask: AskDaemon): Promise<string[]> {
  if (!isAskable(key)) return ["not-found"];
  if (operation === "check" && service === "domain") return [tableResult(await ask(`CHECK ${key}`))];
  if (operation !== "lookup" || service !== "relayhost") return ["error"];
  const [, host] = /^relay ([a-z0-9.-]+)$/.exec(await ask(`ROUTE ${key}`)) ?? [];
  return host === undefined ? ["error"] : ["found", `smtp+tls://${host}`];
}

/** smtpd asks for parents ("*.example.com") and defaults ("*") too: a policy is never inherited (R-8461-3.4-05). */
function isAskable(key: string): boolean {
  return /^[^\s|*]+$/.test(key);
}

function tableResult(reply: string): string {
  return reply === "found" || reply === "not-found" ? reply : "error";
}
