// What is shipped: build/mta-sts.wasm as any runtime sees it, and how it behaves towards its host's memory.
import { execFile } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import binaryen from "assemblyscript/binaryen";
import { afterAll, describe, expect, it } from "vitest";
import * as abi from "../../assembly/abi.ts";
import type { CoreExports } from "../../host/core/exports.ts";
import { portableExports } from "../../host/core/portable.ts";
import { freshWasm, root, wasmBytes } from "./builds.ts";
import { octets, outcome, stepFrame } from "./frames.ts";
import { namesAndHost, patternAndHost, policyBody, rrset } from "./generate.ts";
import { Random } from "./walk.ts";

const SIZE_BUDGET = 24 * 1024;

/** The sections of a wasm binary by id, with their contents. */
function sections(bytes: Uint8Array): Map<number, Uint8Array> {
  const found = new Map<number, Uint8Array>();
  for (let at = 8; at < bytes.length; ) {
    const id = bytes[at++] ?? 0;
    let size = 0;
    for (let shift = 0; ; shift += 7) {
      const octet = bytes[at++] ?? 0;
      size |= (octet & 0x7f) << shift;
      if (octet < 0x80) break;
    }
    found.set(id, bytes.subarray(at, at + size));
    at += size;
  }
  return found;
}

const SECTION = { import: 2, table: 4, memory: 5, global: 6, start: 8, element: 9, dataCount: 12 };

describe("the shipped module", () => {
  const module = binaryen.readBinary(wasmBytes);
  const text = module.emitText();
  afterAll(() => module.dispose());

  it("imports nothing and instantiates without an import object", () => {
    expect(WebAssembly.Module.imports(new WebAssembly.Module(wasmBytes))).toEqual([]);
    expect(freshWasm().mtasts_abi_version()).toBe(0x10001);
  });

  it("exports exactly this", () => {
    const exported = WebAssembly.Module.exports(new WebAssembly.Module(wasmBytes)).map(
      ({ name, kind }) => `${kind} ${name}`,
    );
    expect(exported.sort()).toMatchInlineSnapshot(`
      [
        "function mtasts_abi_version",
        "function mtasts_dnsid_match",
        "function mtasts_in_cap",
        "function mtasts_in_ptr",
        "function mtasts_judge",
        "function mtasts_mx_match",
        "function mtasts_out_cap",
        "function mtasts_out_ptr",
        "function mtasts_plan",
        "function mtasts_policy_parse",
        "function mtasts_record_select",
        "function mtasts_step",
        "function mtasts_tlsa_base",
        "function mtasts_tlsa_match",
        "function mtasts_tlsa_usable",
        "memory memory",
      ]
    `);
  });

  it("has only i32 in its exported signatures", () => {
    const parameters: Record<string, number> = {
      mtasts_record_select: 3,
      mtasts_policy_parse: 3,
      mtasts_mx_match: 4,
      mtasts_dnsid_match: 4,
      mtasts_step: 2,
      mtasts_plan: 2,
      mtasts_judge: 2,
      mtasts_tlsa_usable: 2,
      mtasts_tlsa_match: 2,
      mtasts_tlsa_base: 3,
    };
    for (const [name, exported] of Object.entries(freshWasm())) {
      if (typeof exported !== "function") continue;
      const { params, results } = binaryen.getFunctionInfo(
        module.getFunction(binaryen.getExportInfo(module.getExport(name)).value),
      );
      expect(binaryen.expandType(params), name).toEqual(new Array(parameters[name] ?? 0).fill(binaryen.i32));
      expect(results, name).toBe(binaryen.i32);
    }
  });

  it("has no start function, no table, no elements, no data count", () => {
    const found = sections(wasmBytes);
    for (const id of [SECTION.import, SECTION.table, SECTION.start, SECTION.element, SECTION.dataCount])
      expect(found.has(id), `section ${id}`).toBe(false);
  });

  it("has one fixed memory: initial and maximum are the same", () => {
    expect([...(sections(wasmBytes).get(SECTION.memory) ?? [])]).toEqual([1, 1, 9, 9]);
    expect(freshWasm().memory.buffer.byteLength).toBe(9 * 65536);
  });

  it("has no instruction that grows memory, calls indirectly, or knows floats or 64 bits", () => {
    const instructions = new Set(text.match(/\((?:[a-z0-9]+\.)?[a-z_0-9]+(?:\.[a-z_0-9]+)?/g));
    expect(instructions.size).toBeGreaterThan(30);
    for (const instruction of instructions)
      expect(instruction).not.toMatch(
        /memory\.grow|call_indirect|call_ref|f32|f64|i64|v128|memory\.(copy|fill|init)|extend8_s|extend16_s|trunc_sat|table|elem|global\.get \$~lib/,
      );
    expect(text).not.toMatch(/\bf32\b|\bf64\b|\bi64\b|\bv128\b/);
  });

  it("validates with every feature after the MVP switched off", () => {
    module.setFeatures(binaryen.Features.MVP);
    expect(module.validate()).toBe(1);
  });

  it(`is at most ${SIZE_BUDGET} octets`, () => {
    console.log(`mta-sts.wasm: ${wasmBytes.length} octets, ${gzipSync(wasmBytes, { level: 9 }).length} gzipped`);
    expect(wasmBytes.length).toBeLessThanOrEqual(SIZE_BUDGET);
  });

  it("has the size that README says", () => {
    const readme = readFileSync(new URL("../../README.md", import.meta.url), "utf8");
    expect(readme).toContain(`\`mta-sts.wasm\` is ${wasmBytes.length.toLocaleString("en-US")} bytes`);
  });
});

describe("the build", () => {
  const folders: string[] = [];
  afterAll(() => {
    for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  });

  /** Compiles a copy of the sources in a folder of its own, with the project's own options. */
  async function build(): Promise<Uint8Array> {
    const folder = mkdtempSync(join(tmpdir(), "mta-sts-build-"));
    folders.push(folder);
    cpSync(join(root, "assembly"), join(folder, "assembly"), { recursive: true });
    cpSync(join(root, "asconfig.json"), join(folder, "asconfig.json"));
    const compiler = join(root, "node_modules/assemblyscript/bin/asc.js");
    const options = ["--config", "asconfig.json", "--target", "release", "--outFile", "out.wasm"];
    await promisify(execFile)(process.execPath, [compiler, ...options], { cwd: folder });
    return new Uint8Array(readFileSync(join(folder, "out.wasm")));
  }

  it("is reproducible: two builds in different places are identical, and are the one that is shipped", async () => {
    const [first, second] = await Promise.all([build(), build()]);
    expect(Buffer.compare(first, second)).toBe(0);
    expect(Buffer.compare(first, wasmBytes), "build/mta-sts.wasm is older than assembly/: run npm run build").toBe(0);
  });
});

interface Recorded {
  readonly request: Uint8Array;
  readonly call: (core: CoreExports, at: number) => number;
}

/** Calls of every kind, good and bad. */
function* calls(random: Random, count: number): Generator<Recorded> {
  for (let i = 0; i < count; i++) {
    const kind = i % 6;
    if (kind === 0) {
      const request = rrset(random);
      yield { request, call: (core, at) => core.mtasts_record_select(at, request.length, 1) };
    } else if (kind === 1) {
      const request = policyBody(random);
      yield { request, call: (core, at) => core.mtasts_policy_parse(at, request.length, 6) };
    } else if (kind === 2 || kind === 3) {
      const [a, b] = kind === 2 ? patternAndHost(random) : namesAndHost(random);
      const name = kind === 2 ? "mtasts_mx_match" : "mtasts_dnsid_match";
      yield { request: Buffer.concat([a, b]), call: (core, at) => core[name](at, a.length, at + a.length, b.length) };
    } else {
      const event = random.pick([
        abi.EVENT_LOOKUP,
        abi.EVENT_RECORD,
        abi.EVENT_DEADLINE,
        abi.EVENT_REFRESH,
        abi.EVENT_RECHECK,
        9,
      ]);
      const more = { [abi.Q_OUTCOME]: 1 };
      const request = stepFrame({
        event,
        now: 2_000_000_000,
        uptime: i,
        boot: 1,
        domain: `d${i}.example`,
        data: rrset(random),
        more,
      });
      const name = kind === 4 ? "mtasts_step" : random.pick(["mtasts_plan", "mtasts_judge"] as const);
      yield { request, call: (core, at) => core[name](at, request.length) };
    }
  }
}

describe("memory", () => {
  it("is the same, octet for octet, in two fresh instances after the same 20,000 calls", () => {
    const [one, other] = [freshWasm(), freshWasm()];
    for (const core of [one, other])
      for (const { request, call } of calls(new Random(99), 20_000)) {
        const at = core.mtasts_in_ptr();
        new Uint8Array(core.memory.buffer).set(request, at);
        call(core, at);
      }
    expect(Buffer.compare(new Uint8Array(one.memory.buffer), new Uint8Array(other.memory.buffer))).toBe(0);
  });

  it.each([
    { name: "wasm", core: freshWasm() },
    { name: "portable", core: portableExports },
  ])("IN is only read: no call changes an octet of it ($name)", ({ core }) => {
    const at = core.mtasts_in_ptr();
    const area = Buffer.from(core.memory.buffer, at, core.mtasts_in_cap());
    const random = new Random(5);
    for (let i = 0; i < area.length; i++) area[i] = random.below(256);
    const before = Buffer.alloc(area.length);
    for (const { request, call } of calls(random, 2000)) {
      area.set(request);
      area.copy(before);
      call(core, at);
      expect(area.equals(before)).toBe(true);
    }
  });

  it("no call's octets are visible in the next call's output", () => {
    const core = freshWasm();
    const at = core.mtasts_in_ptr();
    const memory = new Uint8Array(core.memory.buffer);
    const area = Buffer.from(core.memory.buffer, at, core.mtasts_in_cap());
    const secret = "s3cr3tS3CR3T";
    const token = new Uint8Array(abi.TOKEN_SIZE);
    new DataView(token.buffer).setUint32(abi.TOKEN_BOOT, 1, true);
    const secrets: Recorded[] = [
      {
        request: Uint8Array.of(23, 0, 22, ...octets(`v=STSv1;id=${secret}`).subarray(0, 22)),
        call: (c, p) => c.mtasts_record_select(p, 25, 0),
      },
      ((request) => ({ request, call: (c: CoreExports, p: number) => c.mtasts_policy_parse(p, request.length, 0) }))(
        octets(`version: STSv1\nmode: none\nmax_age: 1\nx: ${secret}\n`),
      ),
      ((request) => ({ request, call: (c: CoreExports, p: number) => c.mtasts_step(p, request.length) }))(
        stepFrame({
          event: abi.EVENT_POLICY,
          now: 2_000_000_000,
          uptime: 5,
          boot: 1,
          domain: `${secret.toLowerCase()}.example`,
          token,
          data: octets(`version: STSv1\nmode: none\nmax_age: 100\nx: ${secret}\n`),
          type: octets("text/plain"),
        }),
      ),
    ];
    const random = new Random(42);
    let told = 0;
    for (const { request, call } of calls(random, 3000)) {
      const { request: hidden, call: hide } = random.pick(secrets);
      memory.set(hidden, at);
      if (outcome(core, hide(core, at)).payload.length > 0) told++;
      area.fill(0);
      memory.set(request, at);
      const { payload } = outcome(core, call(core, at));
      expect(Buffer.from(payload).toString("latin1").toLowerCase()).not.toContain("3cr3t");
    }
    expect(told).toBe(3000);
  });
});
