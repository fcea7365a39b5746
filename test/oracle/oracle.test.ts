// The requirements written a second time (record.ts, policy.ts, names.ts, media-type.ts) against every vector, the
// published policies, and the core on generated inputs. `npm run oracle` does the last for as many inputs as you like.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { txtRdata } from "../../host/core/core.ts";
import { builds, root } from "../core/builds.ts";
import { type Bytes, joined, readVectors, title, toOctets, type Vector, type VectorFile } from "../core/vectors.ts";
import { onDnsId, onMx, onPolicy, onRecord } from "./agreement.ts";
import { runGenerated, verdictList } from "./generated.ts";
import { judgeMediaType } from "./media-type.ts";
import { matchDnsId, matchMx } from "./names.ts";
import { fromBytes, writeList } from "./octets.ts";
import { readPolicy } from "./policy.ts";
import { selectRecord } from "./record.ts";
import { isRefusal } from "./verdict.ts";

interface Case extends Vector {
  readonly lenient?: readonly string[];
  readonly expect: unknown;
}

const octetsOf = (value: Bytes | readonly Bytes[]): string => fromBytes(joined(value));
const listOf = (values: readonly Bytes[]): string => writeList(values.map((value) => fromBytes(toOctets(value))));
const rrsetOf = (rrset: readonly (readonly Bytes[])[]): string =>
  writeList(rrset.map((strings) => (strings.length === 0 ? "" : fromBytes(txtRdata(strings.map(toOctets))))));

/** `said` must be what the vector expects; of leniencies and of many patterns a vector may say less. */
function expectVerdict(said: unknown, wanted: unknown): void {
  if (!isRefusal(said)) {
    expect(said).toEqual(typeof wanted === "object" ? { leniencies: [], ...wanted } : wanted);
    return;
  }
  const { error, offset } = wanted as { error: string; offset: number };
  expect(error).toBe(said.error);
  expect(offset).toBeGreaterThanOrEqual(said.within[0]);
  expect(offset).toBeLessThanOrEqual(said.within[1]);
}

function policyVerdict(body: string, lenient: readonly string[], wanted: unknown): unknown {
  const said = readPolicy(body, lenient);
  if (isRefusal(said)) return said;
  const mx = said.mx.map(({ pattern }) => pattern.toLowerCase());
  const counted = typeof wanted === "object" && wanted !== null && "mx" in wanted && !Array.isArray(wanted.mx);
  return { ...said, mx: counted ? { count: mx.length } : mx };
}

function each<T extends Case>(file: string, input: (vector: T) => unknown, run: (vector: T) => unknown): void {
  const { vectors } = readVectors<VectorFile<T>>(file);
  describe(file, () => {
    it.each(vectors.map((vector) => ({ vector, title: title(vector, input(vector)) })))("$title", ({ vector }) => {
      expectVerdict(run(vector), vector.expect);
    });
  });
}

describe("the oracle expects what the vectors expect", () => {
  each<Case & { readonly rrset: readonly (readonly Bytes[])[] }>(
    "records.json",
    ({ rrset }) => rrset,
    ({ rrset, lenient = [] }) => selectRecord(rrsetOf(rrset), lenient),
  );
  each<Case & { readonly body: Bytes | readonly Bytes[] }>(
    "policies.json",
    ({ body }) => body,
    ({ body, lenient = [], expect: wanted }) => policyVerdict(octetsOf(body), lenient, wanted),
  );
  each<Case & { readonly pattern: Bytes | readonly Bytes[]; readonly host: Bytes | readonly Bytes[] }>(
    "mx.json",
    ({ pattern, host }) => [pattern, host],
    ({ pattern, host }) => matchMx(octetsOf(pattern), octetsOf(host)),
  );
  each<Case & { readonly names: readonly Bytes[]; readonly host: Bytes }>(
    "identities.json",
    ({ names, host }) => [names, host],
    ({ names, host }) => matchDnsId(listOf(names), octetsOf(host)),
  );
  each<Case & { readonly type: string | null }>(
    "media-types.json",
    ({ type }) => type,
    ({ type, lenient = [] }) => judgeMediaType(type === null ? null : octetsOf(type), lenient),
  );
});

const corpus = join(root, "../shared/corpus/policies");
const requirementVectors = join(root, "../shared/vectors/vectors.json");

interface RequirementVector {
  readonly req: string;
  readonly kind: string;
  readonly rrset?: readonly (readonly string[])[];
  readonly bodyHex?: string;
  readonly pattern?: string;
  readonly host?: string;
  readonly dnsNames?: readonly string[];
}

describe.each(builds)("core and oracle agree, $name build", ({ exports: core, name }) => {
  it.skipIf(!existsSync(corpus))("on every published policy, strict and with every leniency", () => {
    const all = ["outer-blanks", "blank-lines", "byte-order-mark", "missing-content-type"];
    const files = readdirSync(corpus);
    expect(files.length).toBeGreaterThan(100);
    for (const file of files)
      for (const lenient of [[], all]) onPolicy(core, fromBytes(readFileSync(join(corpus, file))), lenient);
  });

  it.skipIf(!existsSync(requirementVectors))("on every vector that came with the requirements", () => {
    const { vectors } = JSON.parse(readFileSync(requirementVectors, "utf8")) as { vectors: RequirementVector[] };
    const compare: Record<string, (vector: RequirementVector) => void> = {
      "sts-txt": ({ rrset = [] }) => onRecord(core, rrsetOf(rrset), []),
      "sts-policy": ({ bodyHex = "" }) => onPolicy(core, fromBytes(Buffer.from(bodyHex, "hex")), []),
      "mx-match": ({ pattern = "", host = "" }) => onMx(core, octetsOf(pattern), octetsOf(host)),
      "dns-id-match": ({ dnsNames = [], host = "" }) => onDnsId(core, listOf(dnsNames), octetsOf(host)),
      "tlsrpt-txt": () => undefined,
    };
    expect(vectors.length).toBeGreaterThan(200);
    for (const vector of vectors) compare[vector.kind]?.(vector);
    expect(Object.keys(compare)).toEqual(expect.arrayContaining(vectors.map(({ kind }) => kind)));
  });

  const inputs = name === "wasm" ? 200_000 : 50_000;
  it(`on ${inputs} generated inputs, and every verdict is among them (R-8461-3.2-29)`, { timeout: 300_000 }, () => {
    for (const count of runGenerated(core, inputs, 20_260_101)) {
      console.log(`${name}, ${count.name}: ${count.inputs} inputs; ${verdictList(count)}`);
      expect([...count.verdicts.keys()]).toEqual(expect.arrayContaining([...(VERDICTS[count.name] ?? ["a verdict"])]));
    }
  });
});

/** What a run must have met of each function, or it has not tried it. */
const VERDICTS: Record<string, readonly string[]> = {
  "step, histories": [
    ...["cached", "fetched", "no-record", "record-invalid", "record-failed", "fetch-failed", "policy-invalid"].flatMap(
      (status) => (status === "cached" || status === "fetched" ? [] : [`${status} none`]).concat(`${status} enforce`),
    ),
    ...["pending temp", "record-failed temp", "cached none", "cached testing", "fetched none", "fetched testing"],
    ...["get-policy awaited", "get-policy background", "query-record awaited", "query-record background"],
    ...["new", "changed", "weakened", "expired", "invalid"].map((what) => `notice policy-${what}`),
    ...["record-missing", "record-invalid", "record-failed", "fetch-failed", "discovery-open", "id-churn"].map(
      (what) => `notice ${what}`,
    ),
  ],
  record_select: [
    ...["accepted", "accepted with outer-blanks", "no-record", "request", "record-several", "record-delimiter"],
    ...["record-character", "record-field", "record-value", "record-id", "record-no-id"],
  ],
  policy_parse: [
    ...["accepted", "accepted with blank-lines", "accepted with byte-order-mark"],
    ...[
      "accepted with blank-lines and byte-order-mark",
      "policy-line",
      "policy-name",
      "policy-value",
      "policy-version",
    ],
    ...["policy-mode", "policy-max-age", "policy-mx", "policy-no-version", "policy-no-mode", "policy-no-max-age"],
    "policy-no-mx",
  ],
  "policy_parse at its limits": ["policy-too-large", "accepted"],
  mx_match: ["true", "false", "pattern"],
  dnsid_match: ["true", "false", "request"],
  "media type": ["accepted", "media-type", "media-type-missing"],
};
