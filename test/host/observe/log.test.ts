import { runInNewContext } from "node:vm";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { EVENT_NAMES, EVENTS, type EventDescription, type EventName } from "../../../host/observe/events.ts";
import { eventLine, type FieldsOf } from "../../../host/observe/line.ts";
import { createLog, type Log, type LogOptions } from "../../../host/observe/log.ts";

interface Recorded {
  readonly log: Log;
  readonly written: string[];
  readonly lines: () => Record<string, unknown>[];
}

function record(options: Partial<LogOptions> & { isTerminal?: boolean; stream?: string } = {}): Recorded {
  const written: string[] = [];
  const output = {
    write: (text: string) => written.push(text),
    isTerminal: options.isTerminal ?? false,
    stream: options.stream ?? null,
  };
  const log = createLog({ level: "info", format: "auto", env: {}, output, ...options });
  return { log, written, lines: () => written.map((line) => JSON.parse(line) as Record<string, unknown>) };
}

describe("an error in an event", () => {
  it("is shown as one when it comes from another realm, and nothing that is none ends the program", () => {
    const foreign = runInNewContext("new TypeError('from elsewhere')") as Error;
    const { log, lines } = record();
    const fields = { where: "x", detail: "d", outcome: "o" };
    log.event("internal-error", { ...fields, error: foreign });
    log.event("internal-error", { ...fields, error: { toString: () => "a thrown object" } as never });
    expect(lines()).toMatchObject([
      { error: { name: "TypeError", message: "from elsewhere" } },
      { error: "a thrown object" },
    ]);
  });
});

describe("an event for another log", () => {
  it("comes as level, message and advice, printable and bounded", () => {
    const fields = { domain: "example.com", detail: "\u001b[2J", outcome: "x", expiresIn: 5 };
    expect(eventLine("refresh-failed", fields)).toMatchObject({
      level: "warn",
      message: expect.stringMatching(/^example\.com: refresh failed \(.*\); the held policy is honoured for 5 s more$/),
      todo: "nothing while it recovers; else run: mta-sts query example.com",
    });
    expect(eventLine("refresh-failed", fields).message).toMatch(/^[\x20-\x7e]*$/);
    expect(eventLine("daemon-stopped", { cause: "x" }).todo).toBeNull();
  });
});

const churn = { domain: "example.com", outcome: "the held policy is honoured" };

describe("an event", () => {
  it("is one JSON line with level, time, stable name, fields, sentence and advice", () => {
    const { log, lines } = record();
    log.event("refresh-failed", { domain: "example.com", detail: "timeout after 60 s", expiresIn: 3600 });
    expect(lines()).toEqual([
      {
        level: "warn",
        time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/) as string,
        event: "refresh-failed",
        domain: "example.com",
        detail: "timeout after 60 s",
        expiresIn: 3600,
        msg: "example.com: refresh failed (timeout after 60 s); the held policy is honoured for 3600 s more",
        todo: "nothing while it recovers; else run: mta-sts query example.com",
      },
    ]);
  });

  it("has no advice where there is nothing to do", () => {
    const { log, lines } = record();
    log.event("policy-new", { domain: "example.com", id: "1", mode: "enforce", maxAge: 86400 });
    expect(lines()[0]).not.toHaveProperty("todo");
  });

  it("carries further fields, and says unknown for one its sentence lacks", () => {
    const { log, lines } = record();
    log.event("id-churn", { ...churn, outcome: "", mx: ["a.example", "b\n.example"], held: true, error: null });
    expect(lines()[0]).toMatchObject({
      msg: "example.com: the id changes faster than policies are fetched; unknown",
      mx: ["a.example", "b\\x0a.example"],
      held: true,
      error: null,
    });
  });

  it("shows an error with its code and stack on the same line", () => {
    const { log, written, lines } = record();
    const error = Object.assign(new TypeError("bad\nthing"), { code: "EBAD" });
    log.event("internal-error", { where: "engine", detail: error, outcome: "TEMP" });
    expect(lines()[0]).toMatchObject({
      msg: "a fault in mta-sts itself in engine: bad\\x0athing; TEMP",
      detail: { name: "TypeError", message: "bad\\x0athing", code: "EBAD" },
    });
    expect(written).toHaveLength(1);
  });

  it("leaves a percent sign alone", () => {
    const { log, lines } = record();
    log.event("config-error", { detail: "100 %s %d %o %%" });
    expect(lines()[0]).toMatchObject({ msg: "the configuration cannot be used: 100 %s %d %o %%" });
  });

  it("cannot be forged, coloured or made endless by text from the network", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 40 }), fc.integer({ min: 1, max: 400 }), (piece, times) => {
        const { log, written } = record();
        const hostile = `\n{"level":"info"}\r\u001b[2J\u2028${piece.repeat(times)}`;
        log.event("policy-invalid", { domain: hostile, detail: hostile, outcome: hostile, [hostile]: [hostile] });
        expect(written).toHaveLength(1);
        expect(written[0]).toMatch(/^[\x20-\x7e]+\n$/);
        expect(written[0]?.length).toBeLessThan(6_000);
      }),
    );
  });

  it("is counted even when its level is not logged", () => {
    const heard: EventName[] = [];
    const { log, written } = record({ level: "error", onEvent: (name) => heard.push(name) });
    log.event("id-churn", churn);
    log.event("clock-behind", { seconds: 5 });
    expect(heard).toEqual(["id-churn", "clock-behind"]);
    expect(written).toHaveLength(1);
  });
});

describe("the level", () => {
  it.each([
    ["debug", 4],
    ["info", 3],
    ["warn", 2],
    ["error", 1],
  ] as const)("%s lets %d of four kinds of lines through", (level, count) => {
    const { log, written } = record({ level });
    log.debug("trace 100 %s", { domain: "example.com" });
    log.event("daemon-stopped", { cause: "SIGTERM" });
    log.event("id-churn", churn);
    log.event("clock-behind", { seconds: 5 });
    expect(written).toHaveLength(count);
  });

  it("debug lines are escaped as well and carry no event name", () => {
    const { log, lines } = record({ level: "debug" });
    log.debug("got %s\n", { domain: "a\nb" });
    expect(lines()[0]).toMatchObject({ level: "debug", msg: "got %s\\x0a", domain: "a\\x0ab" });
    expect(lines()[0]).not.toHaveProperty("event");
  });
});

describe("under journald", () => {
  const three = (given: Parameters<typeof record>[0]) => {
    const { log, written } = record({ level: "debug", ...given });
    log.debug("x");
    log.event("daemon-stopped", { cause: "SIGTERM" });
    log.event("id-churn", churn);
    log.event("clock-behind", { seconds: 5 });
    return written;
  };

  it("each line starts with its priority", () => {
    const written = three({ env: { JOURNAL_STREAM: "8:1234" }, stream: "8:1234" });
    expect(written.map((line) => line.slice(0, 4))).toEqual(["<7>{", "<6>{", "<4>{", "<3>{"]);
  });

  it.each([
    ["the variable is inherited but output goes elsewhere", { JOURNAL_STREAM: "8:1234" }, "8:9"],
    ["there is no such variable", {}, "8:1234"],
  ])("no prefix is written when %s", (_when, env, stream) => {
    for (const line of three({ env, stream })) expect(line).toMatch(/^\{/);
  });
});

describe("the format", () => {
  const first = (given: Parameters<typeof record>[0]) => {
    const { log, written } = record(given);
    log.event("id-churn", churn);
    return written[0] ?? "";
  };
  const COLOUR = "\u001b[";

  it("auto is pretty and coloured on a terminal", () => {
    const text = first({ isTerminal: true });
    expect(text).toContain(COLOUR);
    expect(text).toContain("example.com: the id changes faster");
    expect(text).toContain("a broken publisher");
  });

  it.each([{ NO_COLOR: "1" }, { TERM: "dumb" }])("has no colours with %o", (env) => {
    const text = first({ isTerminal: true, env });
    expect(text).not.toContain(COLOUR);
    expect(text).toMatch(/WARN.*example\.com: the id changes/);
  });

  it("auto is JSON elsewhere, and json is JSON on a terminal too", () => {
    expect(JSON.parse(first({ isTerminal: false }))).toHaveProperty("event", "id-churn");
    expect(JSON.parse(first({ isTerminal: true, format: "json" }))).toHaveProperty("event", "id-churn");
  });

  it("pretty is pretty without colours in a file, written before the call returns", () => {
    const text = first({ format: "pretty" });
    expect(text).toMatch(/WARN.*example\.com: the id changes/);
    expect(text).not.toContain(COLOUR);
  });
});

describe("the catalogue of events", () => {
  const entries = Object.entries<EventDescription>(EVENTS);

  it.each(entries)(
    "%s has a stable name, a printable sentence, and advice unless it is mere information",
    (name, event) => {
      expect(name).toMatch(/^[a-z]+(-[a-z0-9]+)+$/);
      expect(event.sentence + (event.todo ?? "")).toMatch(/^[\x20-\x7e]+$/);
      if (event.level !== "info") expect(event.todo).toBeTruthy();
    },
  );

  it("can write every event without a gap in its sentence", () => {
    const { log, lines } = record();
    for (const name of EVENT_NAMES) {
      const text = EVENTS[name].sentence + (EVENTS[name].todo ?? "");
      const fields = Object.fromEntries([...text.matchAll(/\{([A-Za-z]+)\}/g)].map((match) => [match[1], "value"]));
      log.event(name, fields as FieldsOf<EventName>);
    }
    expect(lines().map(({ event }) => event)).toEqual(EVENT_NAMES);
    for (const line of lines()) expect(`${line.msg}${line.todo}`).not.toMatch(/[{}]/);
  });

  it("needs no field for its advice that its sentence does not need", () => {
    for (const [, { sentence, todo }] of entries)
      for (const [placeholder] of (todo ?? "").matchAll(/\{[A-Za-z]+\}/g)) expect(sentence).toContain(placeholder);
  });

  it("raises a refresh that keeps failing from warning to error as life runs out", () => {
    expect(
      ["refresh-failed", "refresh-failing-50", "refresh-failing-75", "refresh-failing-90"].map(
        (name) => EVENTS[name as EventName].level,
      ),
    ).toEqual(["warn", "warn", "error", "error"]);
  });
});
