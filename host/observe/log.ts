import { fstatSync } from "node:fs";
import { type DestinationStream, destination, type Level, pino, stdTimeFunctions } from "pino";
import { prettyFactory } from "pino-pretty";

import type { LogFormat, LogLevel } from "../config/config.ts";
import { EVENTS, type EventName } from "./events.ts";
import { eventLine, type Fields, type FieldsOf, safeFields } from "./line.ts";
import { printable } from "./printable.ts";

/** The log of the daemon: events of the catalogue, and debug lines that no one may rely on. */
export interface Log {
  /** One line under the stable name, at its level, with its sentence as `msg` and its advice as `todo`. */
  event<Name extends EventName>(name: Name, fields: FieldsOf<Name>): void;
  debug(message: string, fields?: Fields): void;
}

export interface LogOptions {
  readonly level: LogLevel;
  readonly format: LogFormat;
  /** Decides on journald prefixes and colours. Default: process.env. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Where lines go. Default: standard output, written synchronously: no line is lost when the process ends. */
  readonly output?: LogOutput;
  /** Called for every event, whatever the level of the log; metrics count them. */
  readonly onEvent?: (name: EventName) => void;
}

export interface LogOutput {
  write(text: string): unknown;
  readonly isTerminal: boolean;
  /** "device:inode" as JOURNAL_STREAM has it; null where there is none. */
  readonly stream: string | null;
}

export function createLog(options: LogOptions): Log {
  const env = options.env ?? process.env;
  const output = options.output ?? standardOutput();
  const pretty = options.format === "pretty" || (options.format === "auto" && output.isTerminal);
  const logger = pino(
    {
      level: options.level,
      base: null,
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    pretty ? prettyStream(output, env) : jsonStream(output, env),
  );
  return {
    event(name, fields) {
      options.onEvent?.(name);
      const { level } = EVENTS[name];
      if (!logger.isLevelEnabled(level)) return;
      const { shown, message, todo } = eventLine(name, fields);
      logger[level]({ event: name, ...shown, ...(todo === null ? {} : { todo }) }, message);
    },
    debug(message, fields = {}) {
      if (!logger.isLevelEnabled("debug")) return;
      logger.debug(safeFields(fields), printable(message, 1000));
    },
  };
}

function standardOutput(): LogOutput {
  const stdout = destination({ fd: 1, sync: true });
  // A reader that went away (journald restarting, a closed pipe) must not take the daemon with it.
  stdout.on("error", () => {});
  return { write: (text) => stdout.write(text), isTerminal: process.stdout.isTTY === true, stream: streamOf(1) };
}

function streamOf(fd: number): string | null {
  try {
    const { dev, ino } = fstatSync(fd, { bigint: true });
    return `${dev}:${ino}`;
  } catch {
    return null;
  }
}

/** sd-daemon(3): journald takes the priority of a line from a prefix such as "<4>". */
const PRIORITY: Readonly<Record<Level, number>> = { fatal: 2, error: 3, warn: 4, info: 6, debug: 7, trace: 7 };

function jsonStream(output: LogOutput, env: Readonly<Record<string, string | undefined>>): DestinationStream {
  // systemd.exec(5): the variable is inherited by programs whose output goes elsewhere; the stream has to be the same.
  const isJournal = env.JOURNAL_STREAM !== undefined && env.JOURNAL_STREAM === output.stream;
  if (!isJournal) return { write: (line) => void output.write(line) };
  return {
    [Symbol.for("pino.metadata")]: true,
    lastLevel: 30,
    write(this: { lastLevel: number }, line: string) {
      const level = (pino.levels.labels[this.lastLevel] ?? "info") as Level;
      output.write(`<${PRIORITY[level]}>${line}`);
    },
  } as DestinationStream;
}

/** Formats in place: pino-pretty's own stream is asynchronous and would lose the last lines of a process. */
function prettyStream(output: LogOutput, env: Readonly<Record<string, string | undefined>>): DestinationStream {
  const format = prettyFactory({
    colorize: output.isTerminal && (env.NO_COLOR ?? "") === "" && env.TERM !== "dumb",
    translateTime: "SYS:HH:MM:ss",
    ignore: "event,domain,detail,outcome",
  });
  return { write: (line) => void output.write(format(line)) };
}
