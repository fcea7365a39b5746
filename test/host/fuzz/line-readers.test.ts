// The line readers of Exim and OpenSMTPD under any line in any chunks: what cannot be understood opens nothing.
import { once } from "node:events";
import { connect } from "node:net";
import { PassThrough } from "node:stream";
import { text } from "node:stream/consumers";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { EximAnswerer } from "../../../bindings/exim/answer.ts";
import { OpenSmtpdAnswerer } from "../../../bindings/opensmtpd/answer.ts";
import { serveTable } from "../../../bindings/opensmtpd/table.ts";
import { loadCore } from "../../../host/core/load.ts";
import { canonicalDomain } from "../../../host/dns/names.ts";
import { LineServer } from "../../../host/listen/line-server.ts";
import { Questions } from "../../../host/mx/question.ts";
import { mutated } from "../../oracle/inputs/mutation.ts";
import { honour, mxRecords, policy, ScriptedWorld, temp } from "../postfix/scripted-world.ts";
import { chunksOf, patience, runs } from "./runs.ts";

const core = await loadCore();

/** Every domain is enforced but temp.example, of which nothing is known; only mx.a.example may have mail. */
function questions(): Questions {
  const world = new ScriptedWorld();
  world.resolve = async (domain) =>
    domain === "temp.example" ? temp(domain, "SERVFAIL") : honour(domain, policy("enforce", ["mx.a.example"]));
  world.mx.set("a.example", mxRecords(["mx.a.example", "mx.evil.example"]));
  const matchesMx = core.matchesMx.bind(core);
  return new Questions({ resolver: world, lookupMx: world.lookupMx, matchesMx, deadline: 1000, maxPending: 10 }, {});
}

const domain = fc.constantFrom(
  "a.example",
  "A.Example.",
  "temp.example",
  "b\xc3\xbccher.example",
  "[192.0.2.1]",
  "",
  "-",
  ".a.example",
);
const host = fc.constantFrom(
  "mx.a.example",
  "MX.A.EXAMPLE.",
  "mx.evil.example",
  "192.0.2.1",
  "a.example",
  "",
  "*.a.example",
  "x:y",
);
const names = fc.constantFrom(
  "",
  " ",
  " -",
  " mx.a.example",
  " mx.evil.example",
  " *.a.example",
  " x,,mx.a.example",
  " mx.a.example,",
  " mx.a.example x",
);
const NOISE = " ,:.-*|\r\x00\t\xff;{}$\\";
const eximLines = mutated(
  fc.oneof(
    fc.tuple(fc.constantFrom("MODE ", "OTHERS ", "NOHOST ", "mode ", ""), domain).map((parts) => parts.join("")),
    fc.tuple(domain, host, names).map(([d, h, n]) => `MXOK ${d} ${h}${n}`),
    fc.tuple(domain, host).map(([d, h]) => `EVENT msg:delivery ${d} ${h} 192.0.2.1 0 some text`),
  ),
  NOISE,
).map((line) => line.replaceAll("\n", " "));

/** The domain a line asks about; null when its second word is none. */
const domainOf = (line: string): string | null =>
  canonicalDomain(Buffer.from(line.replace(/\r$/, "").split(" ")[1] ?? "", "latin1").toString());

describe("line readers, fuzzed", () => {
  it("Exim: no line says none of an enforced domain, nor yes to a host or a certificate of another name (R-8461-5-01)", {
    timeout: patience(4),
  }, async () => {
    const told = new Map<string, number>();
    const exim = new EximAnswerer(questions(), core.matchesDnsId.bind(core));
    await fc.assert(
      fc.asyncProperty(eximLines, async (line) => {
        const reply = await exim.answer(line);
        expect(reply).toMatch(
          /^(enforce|none|temp|yes|no|gone|defer|error: [\x20-\x7e]+|! \^\(\?i\)mx\\\.a\\\.example\$ : \*|)$/,
        );
        if (reply === "none") expect(domainOf(line)).toBeNull();
        if (reply === "yes") {
          const [verb, , at = "", shown, more] = line.replace(/\r$/, "").split(" ");
          expect([verb, more]).toEqual(["MXOK", undefined]);
          // What is no domain, such as an address, has no policy: any host will do.
          if (domainOf(line) === null) return;
          expect(at).toMatch(/^mx\.a\.example\.?$/i);
          if (shown !== undefined && shown !== "-")
            expect(shown.toLowerCase().split(",")).toContainEqual(expect.stringMatching(/^(mx|\*)\.a\.example$/));
        }
        told.set(reply.split(":")[0] ?? "", (told.get(reply.split(":")[0] ?? "") ?? 0) + 1);
      }),
      runs(8_000, 0x6578),
    );
    for (const reply of ["enforce", "temp", "yes", "no", "defer", "error"])
      expect(told.get(reply) ?? 0, reply).toBeGreaterThan(10);
  });

  it("OpenSMTPD: no line routes to a host that the policy does not permit, nor finds no policy (R-8461-5-01)", {
    timeout: patience(2),
  }, async () => {
    const observer = {};
    const opensmtpd = new OpenSmtpdAnswerer(questions(), observer, () => 0);
    const lines = mutated(
      fc.tuple(fc.constantFrom("CHECK ", "ROUTE ", "check ", ""), domain).map((parts) => parts.join("")),
      NOISE,
    );
    await fc.assert(
      fc.asyncProperty(lines, async (line) => {
        expect(await opensmtpd.answer(line)).toMatch(/^(found|not-found|error|relay mx\.a\.example)$/);
      }),
      runs(8_000, 0x6f73),
    );
  });

  it("OpenSMTPD's helper: each request has one result, which is an error unless the daemon said otherwise (R-8461-5-07)", {
    timeout: patience(3),
  }, async () => {
    const line = mutated(
      fc
        .tuple(
          fc.constantFrom("table|0.1|1|t", "table|0.2|x|y", ""),
          fc.constantFrom("lookup", "check", "update", "fetch"),
          fc.constantFrom("relayhost", "domain", "alias"),
          fc.constantFrom("1f", "2", ""),
          fc.constantFrom("a.example", "*.example", "a|b", "", "a b"),
        )
        .map((fields) => fields.join("|")),
      "|\r\x00 \xff",
    ).map((text) => text.replace(/[\n\r\u2028\u2029]/g, ""));
    const replies = fc.constantFrom(
      "found",
      "not-found",
      "error",
      "relay mx.a.example",
      "relay MX",
      "relay a|b",
      "",
      "\x00",
      "x".repeat(5000),
      null,
    );
    await fc.assert(
      fc.asyncProperty(fc.array(line, { maxLength: 8 }), replies, async (lines, reply) => {
        const [input, output] = [new PassThrough(), new PassThrough().setEncoding("latin1")];
        const served = serveTable(input, output, async () => {
          if (reply === null) throw new Error("no daemon");
          return reply;
        });
        input.end(Buffer.from(["config|ready", ...lines, ""].join("\n"), "latin1"));
        await served;
        await new Promise((resolve) => setImmediate(resolve));
        const written = String(output.read()).trimEnd().split("\n").slice(3);
        const wanted = lines.filter(
          (request) => request.split("|")[4] === "update" || (request.split("|")[6] ?? "") !== "",
        );
        expect(written).toHaveLength(wanted.length);
        for (const one of written) {
          if (one.startsWith("update-result|")) continue;
          if (one.includes("|found") || one.includes("smtp+tls:"))
            expect(one).toMatch(/\|found(\|smtp\+tls:\/\/mx\.a\.example)?$/);
          if (reply === null || reply === "error") expect(one).not.toMatch(/\|found/);
        }
      }),
      runs(1_500, 0x7462),
    );
  });

  it("the listener: any octets in any chunks get one reply and the end of the connection", {
    timeout: patience(3),
  }, async () => {
    const limits = { maxRequestBytes: 40, lingerTime: 200 };
    const options = { answer: async (line: string) => `<${line}>`, malformed: "bad", overloaded: "full", limits };
    const server = await LineServer.start({ listen: [{ kind: "tcp", host: "127.0.0.1", port: 0 }], ...options });
    const octets = fc.string({
      unit: fc.oneof(
        fc.constantFrom("\n", "\r", " "),
        fc.nat(255).map((code) => String.fromCharCode(code)),
      ),
      maxLength: 60,
    });
    const fractions = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 4 });
    try {
      await fc.assert(
        fc.asyncProperty(octets, fractions, async (stream, cuts) => {
          const socket = connect({ port: server.ports[0] as number, host: "127.0.0.1", allowHalfOpen: true });
          socket.on("error", () => undefined).setNoDelay(true);
          const over = once(socket, "close");
          for (const chunk of chunksOf(stream, cuts)) socket.write(chunk);
          socket.end();
          const [line = ""] = stream.split("\n");
          const understood = stream !== "" && line.length <= limits.maxRequestBytes;
          expect(Buffer.from(await text(socket.setEncoding("latin1"))).toString()).toBe(
            understood ? `<${line}>` : "bad",
          );
          await over;
        }),
        runs(1_500, 0x6c73),
      );
      await expect.poll(() => server.connections).toBe(0);
    } finally {
      await server.close(0);
    }
  });
});
