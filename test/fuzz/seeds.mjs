// Writes the first seeds of every target from test/vectors, and a few histories for step. What the fuzzer then finds
// is merged into test/fuzz/corpus by `npm run fuzz -- TARGET SECONDS --keep`.
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const vectors = (project, file) => JSON.parse(readFileSync(join(project, `test/vectors/${file}.json`), "utf8")).vectors;

const octets = (value) =>
  typeof value === "string"
    ? Buffer.from(value)
    : value.hex !== undefined
      ? Buffer.from(value.hex, "hex")
      : Buffer.from(value.text.repeat(Math.min(value.times, 400)));
const joined = (value) => Buffer.concat((Array.isArray(value) ? value : [value]).map(octets));
const u16 = (n) => Buffer.from([n & 255, n >> 8]);
const list = (items) => Buffer.concat(items.flatMap((item) => [u16(item.length), item]));
const strings = (rr) =>
  Buffer.concat((Array.isArray(rr) ? rr : [rr]).map(octets).flatMap((s) => [Buffer.from([s.length & 255]), s]));
const leniency = (v) => Buffer.from([v.leniency === undefined || v.leniency.length === 0 ? 0 : 15]);
const ZERO = Buffer.from([0]);

const RRSET = (id) => list([strings([`v=STSv1; id=${id};`])]);
const BODY = (mode, age) => Buffer.from(`version: STSv1\nmode: ${mode}\nmx: *.example.com\nmax_age: ${age}\n`);
const event = (n, dt = 0, flags = 0) => Buffer.concat([Buffer.from([n - 1, flags]), u16(dt)]);
const record = (rrset, dt = 1) => Buffer.concat([event(2, dt), Buffer.from([0]), u16(300), u16(rrset.length), rrset]);
const noRecord = (outcome, dt = 1) => Buffer.concat([event(2, dt), Buffer.from([outcome]), u16(300), u16(0)]);
const policy = (body, outcome = 0, dt = 1) =>
  Buffer.concat([event(3, dt), Buffer.from([outcome, 0]), u16(body.length), body]);

/** Histories: what to do on failure, leniency, events. */
function histories() {
  const first = [event(1), record(RRSET("a1")), policy(BODY("enforce", 604800)), event(1, 3)];
  const tails = [
    [event(1, 0x4100), noRecord(1), event(5, 0x4200), noRecord(2), event(6, 90), event(4, 2)],
    [event(1, 700), record(RRSET("b2")), policy(BODY("testing", 86400)), event(1, 1)],
    [event(6, 70, 4), record(RRSET("c3")), policy(Buffer.from("nonsense"), 0), event(1, 301)],
    [event(5, 0x4e00), record(RRSET("a1")), policy(BODY("none", 60)), event(1, 0x7fff)],
    [event(1, 0x8fff), event(5, 0x4e00, 32), record(RRSET("a1")), policy(BODY("enforce", 0))],
    [event(1, 0x4900), noRecord(0), event(1, 5), policy(BODY("enforce", 31557600), 6)],
  ];
  const cold = [
    [event(1), noRecord(2), event(1, 11), noRecord(2, 650), event(1, 20), noRecord(1)],
    [event(1, 0, 8), event(4, 20), noRecord(2), event(1, 0, 16), record(RRSET("d4")), policy(BODY("enforce", 10), 3)],
  ];
  const all = [...tails.map((tail) => [...first, ...tail]), ...cold];
  return all.flatMap((events) => [0, 1, 2].map((mode) => Buffer.concat([Buffer.from([mode, mode * 7]), ...events])));
}

/** Target's mark 255 and a whole request: numbers by offset, then the parts by the field that points to them. */
function raw(size, numbers, parts) {
  const head = Buffer.alloc(size);
  let at = size;
  for (const [field, value] of Object.entries(numbers)) head.writeUInt32LE(value, Number(field));
  for (const [field, part] of Object.entries(parts)) {
    head.writeUInt32LE(at, Number(field));
    head.writeUInt32LE(part.length, Number(field) + 4);
    at += part.length;
  }
  return Buffer.concat([Buffer.from([255]), head, ...Object.values(parts)]);
}

const NAMES = list([Buffer.from("mx1.example.com"), Buffer.from("*.example.net")]);
const DOMAIN = Buffer.from("example.com");
const TEXT_PLAIN = Buffer.from("text/plain");
const STEP = { 0: 1, 8: 2_000_000_000, 12: 1000, 20: 1 };
const rawSteps = () => [
  raw(136, { ...STEP, 4: 1 }, { 44: DOMAIN }),
  raw(136, { ...STEP, 4: 2, 60: 1, 64: 300 }, { 44: DOMAIN, 72: RRSET("a1") }),
  raw(136, { ...STEP, 4: 3, 88: 1000, 96: 1 }, { 44: DOMAIN, 80: TEXT_PLAIN, 72: BODY("enforce", 86400) }),
];
const rawPlans = () => [raw(32, { 0: 1, 4: 1 }, { 8: BODY("enforce", 86400), 20: NAMES })];
const rawJudges = () => [raw(48, { 0: 1, 4: 1, 20: 5, 24: 0x303 }, { 32: NAMES, 40: Buffer.from("mx1.example.com") })];

const VERDICTS = ["none", "policy", "temp"];
const STATES = ["unknown", "usable", "unusable", "absent", "insecure", "failed", "no-address", "address-failed"];

function planSeed(v) {
  const text = v.policy === undefined ? Buffer.alloc(0) : joined(v.policy);
  const hosts = list((v.hosts ?? []).map(octets));
  const facts = v.dane === undefined ? 0 : 1 | (v.dane.mx === "secure" ? 2 : 0) | (v.dane.mandatory ? 4 : 0);
  const withStates = Buffer.concat(
    (v.hosts ?? []).map((host, i) =>
      Buffer.concat([list([octets(host)]), u16(Math.max(0, STATES.indexOf(v.dane?.states[i])))]),
    ),
  );
  const head = Buffer.from([Math.max(0, VERDICTS.indexOf(v.verdict)), 0, facts]);
  return Buffer.concat([head, u16(text.length), text, facts === 0 ? hosts : withStates]);
}

const sha = (name, text) => createHash(name).update(text).digest();

/** As test/core/tlsa-records.ts makes them: a SEQUENCE around a name, its key one around "key of NAME". */
const sequence = (text) => Buffer.concat([Buffer.from([0x30, text.length]), Buffer.from(text)]);
const keyOf = (name) => sequence(`key of ${name.split("/").at(-1)}`);

function tlsaRecord(record) {
  if (record.rdata !== undefined) return octets(record.rdata);
  if (Array.isArray(record)) return Buffer.concat([Buffer.from(record.slice(0, 3)), octets(record[3])]);
  const [usage, selector, matching, name] = record.replace(/^short /, "").split(" ");
  const selected = selector === "0" ? sequence(name) : keyOf(name);
  const data = matching === "0" ? selected : sha(matching === "1" ? "sha256" : "sha512", selected);
  return Buffer.concat([Buffer.from([usage, selector, matching].map(Number)), data]);
}

const u32 = (n) => Buffer.concat([u16(n & 0xffff), u16(n >>> 16)]);

function certificateEntry(name) {
  const [certificate, key] = [sequence(name), keyOf(name)];
  const digests = [certificate, key].flatMap((text) => [sha("sha256", text), sha("sha512", text)]);
  return Buffer.concat([...digests, u32(certificate.length), certificate, u32(key.length), key]);
}

function matchSeed(v) {
  const records = list(v.records.map(tlsaRecord));
  return Buffer.concat([u16(records.length), records, ...v.certificates.map(certificateEntry)]);
}

function judgeSeeds() {
  const seeds = [];
  for (const action of [1, 3, 4])
    for (const session of [1, 2, 3, 4, 5])
      for (const host of ["mx1.example.com", "a.example.net", "other.test"])
        seeds.push(
          Buffer.concat([
            Buffer.from([action, action === 4 ? 1 : 0, session & 1, session >> 2, session, 3, 0]),
            Buffer.from(host),
            ZERO,
            NAMES,
          ]),
        );
  for (const chain of [1, 2, 4, 6, 7, 8])
    for (const host of ["mx1.example.com", "other.test"])
      seeds.push(Buffer.concat([Buffer.from([2, 0, 0, 0, 5, 4, chain]), Buffer.from(host), ZERO, NAMES]));
  for (const chain of [1, 2, 3, 4, 5])
    seeds.push(Buffer.concat([Buffer.from([1, 0, 1, 0, 5, 4, chain]), Buffer.from("mx1.example.com"), ZERO, NAMES]));
  return seeds;
}

const makers = {
  record_select: (p) => vectors(p, "records").map((v) => Buffer.concat([leniency(v), list(v.rrset.map(strings))])),
  policy_parse: (p) => vectors(p, "policies").map((v) => Buffer.concat([leniency(v), joined(v.body)])),
  mx_match: (p) => vectors(p, "mx").map((v) => Buffer.concat([joined(v.pattern), ZERO, joined(v.host)])),
  dnsid_match: (p) =>
    vectors(p, "identities").map((v) => Buffer.concat([joined(v.host), ZERO, list(v.names.map(octets))])),
  step: () => [...histories(), ...rawSteps()],
  plan: (p) => [...vectors(p, "plan").map(planSeed), ...rawPlans()],
  judge: () => [...judgeSeeds(), ...rawJudges()],
  tlsa_usable: (p) => vectors(p, "tlsa").map((v) => list(v.records.map(tlsaRecord))),
  tlsa_match: (p) => vectors(p, "tlsa-match").map(matchSeed),
};

/** Writes the seeds of a target into `folder`, named by their content. */
export function writeSeeds(project, target, folder) {
  mkdirSync(folder, { recursive: true });
  for (const seed of makers[target]?.(project) ?? [])
    writeFileSync(join(folder, createHash("sha256").update(seed).digest("hex").slice(0, 16)), seed);
}
