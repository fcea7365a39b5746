import type { DnsClient, DnsOutcome } from "../../../host/dns/types.ts";
import { createPolicyFetcher, type PolicyFetcherOptions } from "../../../host/https/fetch-policy.ts";
import type { PolicyFetch, PolicyFetcher } from "../../../host/https/types.ts";

/** Answers every name with these addresses and remembers what it was asked. */
export function resolverOf(...addresses: string[]): Pick<DnsClient, "addresses"> & { readonly asked: string[] } {
  const asked: string[] = [];
  return {
    asked,
    addresses: async (name): Promise<DnsOutcome<string>> => {
      asked.push(name);
      return { kind: "records", records: addresses, ttl: 60, secure: false };
    },
  };
}

/** Stands in for the decision core: equal, or one whole left-most label of at least three is a wildcard. */
export function strictDnsIdMatch(names: readonly string[], host: string): boolean {
  const parent = host.slice(host.indexOf(".") + 1);
  return names.some((name) => name === host || (name === `*.${parent}` && parent.includes(".")));
}

export interface Trial extends Partial<PolicyFetcherOptions> {
  readonly caPem: string;
  readonly dialPort: number;
}

/** A fetcher that may dial loopback and finds every policy host at 127.0.0.1, unless told otherwise. */
export function fetcherFor(trial: Trial): PolicyFetcher {
  return createPolicyFetcher({
    dns: resolverOf("127.0.0.1"),
    allowPrivateAddresses: true,
    matchesDnsId: strictDnsIdMatch,
    timeoutMs: 10_000,
    ...trial,
  });
}

export async function fetchOnce(trial: Trial, domain = "example.com"): Promise<PolicyFetch> {
  const fetcher = fetcherFor(trial);
  try {
    return await fetcher.fetch(domain);
  } finally {
    await fetcher.close();
  }
}
