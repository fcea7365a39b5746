// Inputs that look like the real thing often enough to get deep, and not often enough to be boring.
import { leniencyBits } from "../../host/core/names.ts";
import { list, octets } from "./frames.ts";
import { mutate } from "./pair.ts";
import { peerEntry, tlsaRdata } from "./tlsa-records.ts";
import type { Random } from "./walk.ts";

export const LENIENCY_CHOICES = [
  0,
  0,
  leniencyBits(["outer-blanks"]),
  leniencyBits(["blank-lines"]),
  leniencyBits(["byte-order-mark"]),
  15,
];

const TEXT_ALPHABET = octets(" \t;=:.-_*\r\nvaAzZ019id\u0000\u007fé");

const RECORDS = [
  "v=STSv1; id=1;",
  "v=STSv1;id=20260101",
  "v=STSv1 ; id=abc ; x=y",
  "v=STSv1; x=a:b; id=12345678901234567890123456789012",
  "v=STSv1; id=1; id=bad-id; v=STSv2",
];
const OTHERS = [
  "v=spf1 -all",
  "v=STSv2; id=9",
  "",
  " v=STSv1; id=3",
  "v=STSv1; id=2 ",
  "hello",
  "v=STSv1",
  "v=STSv1; foo=bar",
  "v=STSv1; id=",
  "v=STSv1; x=; id=1",
];

function rdata(random: Random, text: Uint8Array): Uint8Array {
  const cut = text.length > 0 && random.chance(30) ? random.below(Math.min(text.length, 255)) : 0;
  const parts: number[] = [];
  for (const [start, end] of [
    [0, cut],
    [cut, text.length],
  ] as const) {
    const piece = text.subarray(start, Math.min(end, start + 255));
    if (start !== end) parts.push(piece.length, ...piece);
  }
  return Uint8Array.from(parts);
}

export function rrset(random: Random): Uint8Array {
  const records: Uint8Array[] = [];
  if (random.chance(85)) {
    const text = octets(random.pick(RECORDS));
    records.push(rdata(random, random.chance(35) ? mutate(random, text, TEXT_ALPHABET) : text));
  }
  while (random.chance(25)) records.push(rdata(random, octets(random.pick(random.chance(85) ? OTHERS : RECORDS))));
  const wire = list(records);
  return random.chance(3) ? mutate(random, wire, TEXT_ALPHABET) : wire;
}

const VERSIONS = ["version: STSv1", "version:STSv1 ", "version:\tSTSv1"];
const MODES = ["mode: enforce", "mode: testing", "mode: none"];
const MX = [
  "mx: mx1.example.com",
  "mx: *.example.net",
  "mx: MX2.Example.COM",
  "mx: xn--bcher-kva.example",
  "mx: localhost",
];
const MAX_AGES = [
  "max_age: 604800",
  "max_age: 86400",
  "max_age: 0",
  "max_age: 600",
  "max_age: 31557601",
  "max_age: 9999999999",
  "max_age: 3600",
];
const EXTRAS = [
  "x: y",
  "note: größe ✓ 😀",
  "mode: enforce",
  "mx: a.example",
  "version: STSv2",
  "max_age: 1",
  "a_b-c.d: 1",
  "",
  "\ufeff",
];
const BAD_LINES = [
  "garbage",
  "mode: bogus",
  "mx: bad_host",
  "max_age: -1",
  "version: STSv2",
  "x:",
  "_x: 1",
  "note: \u0007",
  "mx:",
  " x: y",
  "max_age: 12345678901",
];

export function policyBody(random: Random): Uint8Array {
  if (random.chance(1) && random.chance(10)) return octets("a".repeat(65_500 + random.below(80)));
  if (random.chance(1)) return new Uint8Array();
  const mode = random.pick(MODES);
  let lines = [random.pick(VERSIONS), mode, random.pick(MAX_AGES)];
  if (mode !== "mode: none" || random.chance(30))
    for (let n = 1 + random.below(3); n > 0; n--) lines.push(random.pick(MX));
  while (random.chance(20)) lines.push(random.pick(EXTRAS));
  if (random.chance(8)) lines.splice(random.below(lines.length), 1);
  if (random.chance(10)) lines.splice(random.below(lines.length + 1), 0, random.pick(BAD_LINES));
  if (random.chance(40)) lines = lines.reverse();
  const text = octets(lines.join(random.chance(50) ? "\n" : "\r\n") + (random.chance(70) ? "\n" : ""));
  return random.chance(25) ? mutate(random, text, TEXT_ALPHABET) : text;
}

const HOSTS = [
  "mx1.example.com",
  "mx2.example.com",
  "a.example.net",
  "MX1.EXAMPLE.COM.",
  "a.b.example.net",
  "example.net",
  "192.0.2.1",
  "localhost",
  "x:evil.net:y.example.net",
  "a_b.example.net",
  "",
  ".",
];
const PATTERNS = ["mx1.example.com", "*.example.net", "*.example.com", "example.net", "localhost", "*.0.2.1", "*.net"];
const HOST_ALPHABET = octets("a-.*A1_:\u0000ÿ");

export function hostName(random: Random): Uint8Array {
  const host = octets(random.pick(HOSTS));
  return random.chance(15) ? mutate(random, host, HOST_ALPHABET) : host;
}

/** A pattern and a host that it often covers. */
export function patternAndHost(random: Random): readonly [Uint8Array, Uint8Array] {
  const pattern = random.pick(PATTERNS);
  const host = random.chance(60) ? octets(pattern.replace("*", random.pick(["a", "mx", "xn--a"]))) : hostName(random);
  const mutated = (bytes: Uint8Array): Uint8Array => (random.chance(20) ? mutate(random, bytes, HOST_ALPHABET) : bytes);
  return [mutated(octets(pattern)), mutated(host)];
}

/** DNS-IDs and a host that one of them often presents. */
export function namesAndHost(random: Random): readonly [Uint8Array, Uint8Array] {
  const names: Uint8Array[] = [];
  const host = octets(random.pick(["mx1.example.com", "a.example.net", "mx1.example.com.", "192.0.2.1"]));
  while (random.chance(60)) names.push(hostName(random));
  if (random.chance(50)) names.push(random.chance(50) ? octets("*.example.com") : octets("*.example.net"));
  if (random.chance(40)) names.push(host);
  const wire = list(names);
  return [
    random.chance(15) ? mutate(random, wire, HOST_ALPHABET) : wire,
    random.chance(15) ? mutate(random, host, HOST_ALPHABET) : host,
  ];
}

/** Reference identities, the host among them. */
export function references(random: Random, host: Uint8Array): Uint8Array {
  const hosts = [host];
  while (random.chance(40)) hosts.push(hostName(random));
  const wire = list(random.chance(50) ? hosts.reverse() : hosts);
  return random.chance(10) ? mutate(random, wire, HOST_ALPHABET) : wire;
}

const TLSA_RECORDS = [
  "3 1 1 leaf",
  "3 1 2 leaf",
  "3 0 1 leaf",
  "3 1 0 leaf",
  "2 0 1 issuer",
  "2 1 2 issuer",
  "2 0 0 root",
  "1 1 1 leaf",
  "0 0 1 root",
  "3 1 1 other",
  "3 1 2 other",
].map(tlsaRdata);
const TLSA_ALPHABET = Uint8Array.of(0, 1, 2, 3, 4, 0x30, 0x81, 0x82, 255);

export function tlsaRrset(random: Random): Uint8Array {
  const records: Uint8Array[] = [];
  do {
    const record = random.pick(TLSA_RECORDS);
    records.push(random.chance(15) ? mutate(random, record, TLSA_ALPHABET) : record);
  } while (random.chance(60));
  const wire = list(random.chance(3) ? [] : records);
  return random.chance(10) ? mutate(random, wire, TLSA_ALPHABET) : wire;
}

const PEERS = ["leaf", "renewed/leaf", "issuer", "root", "stranger"].map(peerEntry);

export function peerCertificates(random: Random): Uint8Array {
  const sent: Uint8Array[] = [];
  while (random.chance(75)) sent.push(random.pick(PEERS));
  const wire = Buffer.concat(random.chance(80) ? [peerEntry("leaf"), ...sent] : sent);
  return random.chance(10) ? mutate(random, wire, TLSA_ALPHABET) : wire;
}
