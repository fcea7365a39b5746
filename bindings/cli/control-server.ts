import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { setImmediate as nextTurn } from "node:timers/promises";
import { canonicalDomain } from "../../host/dns/names.ts";
import type { Engine } from "../../host/engine/engine.ts";
import { printable } from "../../host/observe/printable.ts";
import { StoreError } from "../../host/store/types.ts";
import {
  type ControlErrorCode,
  type DaemonStatus,
  type Forgotten,
  POLICIES_PATH,
  STATUS_PATH,
} from "./control-protocol.ts";
import { type DomainView, domainView } from "./domain-view.ts";
import { type Explanation, explanation } from "./explanation.ts";
import { asJson } from "./output.ts";

export interface ControlServerOptions {
  readonly engine: Pick<Engine, "inspect" | "explain" | "stored" | "forget" | "refresh">;
  readonly status: () => DaemonStatus;
  /** Something was changed: replies kept for reuse are out of date. */
  readonly onChange: () => void;
  /** Milliseconds a refresh is waited for. */
  readonly refreshDeadline: number;
  readonly onError: (error: unknown) => void;
}

class Refusal extends Error {
  constructor(
    readonly status: number,
    readonly code: ControlErrorCode,
    message: string,
  ) {
    super(message);
  }
}

const MAX_CONNECTIONS = 16;
/** Rows between two turns of the event loop: a long list must not hold up the answers to MTAs. */
const ROWS_PER_TURN = 100;

/**
 * The only place where anything can be changed. It has no access control of its own: whoever may open the socket
 * (mode 0600) may do everything here. It is not listening yet.
 */
export function createControlServer(options: ControlServerOptions): Server {
  const server = createServer({ maxHeaderSize: 8 * 1024, requestTimeout: 5_000 }, (request, response) => {
    request.resume(); // no request has a body worth reading
    answer(request, response, options).catch((error: unknown) => fail(response, error, options));
  });
  server.maxConnections = MAX_CONNECTIONS;
  return server;
}

async function answer(request: IncomingMessage, response: ServerResponse, options: ControlServerOptions) {
  const path = (request.url ?? "").split("?", 1)[0] ?? "";
  if (path === STATUS_PATH || path === POLICIES_PATH) {
    allow(request, "GET");
    if (path === STATUS_PATH) send(response, 200, options.status());
    else await list(response, options);
    return;
  }
  const [, name, action] = /^\/v1\/policies\/([^/]+)(?:\/(refresh|explain))?$/.exec(path) ?? [];
  if (name === undefined) throw new Refusal(404, "not-found", `no such page: ${printable(path, 100)}`);
  const domain = domainOf(name);
  if (action === "refresh") {
    allow(request, "POST");
    send(response, 200, await refresh(domain, options));
  } else if (action === "explain") {
    allow(request, "GET");
    send(response, 200, await explain(domain, options));
  } else {
    allow(request, "GET", "DELETE");
    send(response, 200, request.method === "DELETE" ? await forget(domain, options) : await show(domain, options));
  }
}

function allow(request: IncomingMessage, ...methods: readonly string[]): void {
  if (!methods.includes(request.method ?? "")) throw new Refusal(405, "method", `only ${methods.join(" and ")} here`);
}

function domainOf(name: string): string {
  if (canonicalDomain(name) === name) return name;
  throw new Refusal(400, "not-a-domain", `${printable(name, 100)} is not a domain in A-labels and lower case`);
}

async function show(domain: string, { engine }: ControlServerOptions): Promise<DomainView> {
  const view = await engine.inspect(domain);
  if (view === null) throw new Refusal(404, "unknown-domain", `nothing is known of ${domain}`);
  return domainView(view.decision, view.stored);
}

async function explain(domain: string, { engine }: ControlServerOptions): Promise<Explanation> {
  const explained = await engine.explain(domain);
  if (explained === null) throw new Refusal(404, "unknown-domain", `nothing is known of ${domain}`);
  return explanation(explained);
}

async function forget(domain: string, { engine, onChange }: ControlServerOptions): Promise<Forgotten> {
  const forgotten = await engine.forget(domain);
  onChange();
  return { version: 1, domain, forgotten };
}

async function refresh(domain: string, options: ControlServerOptions): Promise<DomainView> {
  const decision = await options.engine.refresh(domain, { deadline: options.refreshDeadline });
  options.onChange();
  const held = await options.engine.inspect(domain);
  return domainView(decision, held?.stored ?? false);
}

async function list(response: ServerResponse, { engine }: ControlServerOptions): Promise<void> {
  response.setHeader("content-type", "application/x-ndjson");
  let rows = 0;
  for await (const view of engine.stored()) {
    if (response.destroyed) return;
    const more = response.write(`${asJson(domainView(view.decision, view.stored))}\n`);
    if (!more) await drained(response);
    if (++rows % ROWS_PER_TURN === 0) await nextTurn();
  }
  response.end();
}

function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      response.off("drain", done).off("close", done);
      resolve();
    };
    response.on("drain", done).on("close", done);
  });
}

function fail(response: ServerResponse, error: unknown, { onError }: ControlServerOptions): void {
  // A list that breaks in the middle must not look like a whole one.
  if (response.headersSent) response.destroy();
  else if (error instanceof Refusal) send(response, error.status, problem(error.code, error.message));
  else if (error instanceof StoreError)
    send(response, 503, problem("store-unavailable", printable(error.message, 400)));
  else {
    onError(error);
    send(response, 500, problem("internal-error", "a fault in mta-sts itself; its log says which"));
  }
}

const problem = (code: ControlErrorCode, message: string) => ({ version: 1, error: { code, message } });

function send(response: ServerResponse, status: number, value: object): void {
  const body = `${asJson(value)}\n`;
  response.writeHead(status, { "content-type": "application/json", "content-length": Buffer.byteLength(body) });
  response.end(body);
}
