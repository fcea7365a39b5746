import type { PolicyFetch } from "../../host/https/types.ts";
import type { Account } from "./account.ts";
import type { DnsAct, HostAct, Txt } from "./weather.ts";
import { noAnswer, noPolicy } from "./weather.ts";
import type { World } from "./world.ts";

const PREFIX = "_mta-sts.";
/** What the core says itself about a body counts as the host's word; so do these failures. */
const DEFINITE = new Set(["status", "redirect", "too-large", "encoding"]);

/** DNS and HTTPS as one process sees them. Whatever it is told is written into the ledger at that moment. */
export class Outside {
  readonly #world: World;
  readonly #account: (domain: string) => Account;
  readonly #name: string;
  #isAlive = true;

  constructor(world: World, name: string, account: (domain: string) => Account) {
    this.#world = world;
    this.#name = name;
    this.#account = account;
  }

  kill(): void {
    this.#isAlive = false;
  }

  readonly dns = { txt: (name: string, signal?: AbortSignal): Promise<Txt> => this.#txt(name, signal) };

  readonly fetcher = {
    fetch: (domain: string, signal?: AbortSignal): Promise<PolicyFetch> => this.#get(domain, signal),
  };

  async #txt(name: string, signal?: AbortSignal): Promise<Txt> {
    if (!name.startsWith(PREFIX)) throw new Error(`asked for ${name}`);
    const account = this.#account(name.slice(PREFIX.length));
    this.#world.ledger.queryBegins(account);
    const act = this.#world.weather.dns(this.#world, account.publisher);
    if ((await this.#pass(act.delayMs, signal)) === "aborted") return noAnswer("aborted");
    return this.#dnsLands(account, act);
  }

  #dnsLands(account: Account, { answer, id }: DnsAct): Txt {
    const { ledger } = this.#world;
    const told = answer ?? noAnswer("overloaded"); // what throws was never answered, and counts as never sent
    this.#world.note(`${this.#name} TXT ${account.publisher.domain} ${id ?? outcomeOf(told)}`);
    ledger.queryLands(account, told, id);
    if (!answer) throw new Error("simulated fault of the DNS client");
    return answer;
  }

  async #get(domain: string, signal?: AbortSignal): Promise<PolicyFetch> {
    const account = this.#account(domain);
    const id = this.#world.ledger.fetchBegins(account);
    const startedMs = this.#world.time.trueMs;
    const act = this.#world.weather.host(this.#world, account.publisher);
    if ((await this.#pass(act.delayMs, signal)) === "aborted") return noPolicy("aborted");
    return this.#hostLands(account, id, startedMs, act);
  }

  #hostLands(account: Account, id: string, startedMs: number, { answer, valid }: HostAct): PolicyFetch {
    const { ledger } = this.#world;
    const failure = answer === null ? "aborted" : answer.ok ? null : answer.failure;
    this.#world.note(
      `${this.#name} GET ${account.publisher.domain} ${valid ? valid.serial : (failure ?? "no policy")}`,
    );
    if (valid) ledger.fetchGives(account, id, startedMs, valid);
    else ledger.fetchFails(account, id, failure === "aborted", failure === null || DEFINITE.has(failure));
    if (!answer) throw new Error("simulated fault of the fetcher");
    return answer;
  }

  /** Time goes by, unless the engine gives up first. A dead process hears nothing any more. */
  async #pass(delayMs: number, signal?: AbortSignal): Promise<"answered" | "aborted"> {
    if (signal?.aborted) return "aborted";
    const passed = await new Promise<"answered" | "aborted">((resolve) => {
      const callOff = this.#world.time.after(delayMs, () => resolve("answered"));
      signal?.addEventListener("abort", () => {
        callOff();
        resolve("aborted");
      });
    });
    return this.#isAlive ? passed : new Promise(() => {});
  }
}

function outcomeOf(answer: Txt): string {
  return answer.kind === "records" ? "invalid" : answer.reason;
}
