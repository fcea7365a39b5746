import { types } from "node:util";
import { EVENTS, type EventDescription, type EventName } from "./events.ts";
import { printable } from "./printable.ts";

export type FieldValue = string | number | boolean | null | undefined | Error | readonly (string | number)[];

/** Names that a line has already. */
type Reserved = "level" | "time" | "event" | "msg" | "todo" | "pid" | "hostname";
export type Fields = { readonly [name: string]: FieldValue } & { readonly [name in Reserved]?: never };

type Placeholders<Sentence extends string> = Sentence extends `${string}{${infer Name}}${infer Rest}`
  ? Name | Placeholders<Rest>
  : never;

/** The fields an event needs for its sentence; any others are welcome. */
export type FieldsOf<Name extends EventName> = Name extends EventName
  ? Fields & { readonly [field in Placeholders<(typeof EVENTS)[Name]["sentence"]>]: FieldValue }
  : never;

const LONGEST_FIELD = 400;
const LONGEST_MESSAGE = 1000;
const LONGEST_STACK = 2000;
const LONGEST_LIST = 20;

/** One event in words. Everything in it is printable and bounded. */
export interface EventLine {
  readonly level: EventDescription["level"];
  readonly message: string;
  /** What an operator should do; null when there is nothing to do. */
  readonly todo: string | null;
  readonly shown: Record<string, unknown>;
}

/** An event of the catalogue with its fields filled in, for any log. */
export function eventLine<Name extends EventName>(name: Name, fields: FieldsOf<Name>): EventLine {
  const { level, sentence, todo } = EVENTS[name];
  const shown = safeFields(fields);
  return { level, message: fill(sentence, shown), todo: todo === null ? null : fill(todo, shown), shown };
}

/** The fields of one line with every string made printable and bounded: they may come from the network. */
export function safeFields(fields: Fields): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [printable(name, 40), safe(value)]));
}

/** The sentence with each {field} filled in, as one bounded line of printable ASCII. */
export function fill(sentence: string, fields: Record<string, unknown>): string {
  const text = sentence.replace(/\{([A-Za-z]+)\}/g, (_whole, name: string) => {
    const value = fields[name];
    if (value === undefined || value === null || value === "") return "unknown";
    if (Array.isArray(value)) return value.join(", ");
    return typeof value === "object" && "message" in value ? String(value.message) : String(value);
  });
  return text.length <= LONGEST_MESSAGE ? text : `${text.slice(0, LONGEST_MESSAGE - 3)}...`;
}

function safe(value: FieldValue): unknown {
  if (typeof value === "string") return printable(value, LONGEST_FIELD);
  // Not instanceof: an error may come from another realm, such as the sandbox of a plugin.
  if (types.isNativeError(value)) return safeError(value);
  if (typeof value !== "object" || value === null) return value;
  if (!Array.isArray(value)) return printable(String(value), LONGEST_FIELD);
  return value.slice(0, LONGEST_LIST).map((item) => (typeof item === "string" ? printable(item) : item));
}

function safeError(error: Error): Record<string, string> {
  const code = (error as NodeJS.ErrnoException).code;
  return {
    name: printable(String(error.name)),
    message: printable(String(error.message), LONGEST_FIELD),
    ...(code === undefined ? {} : { code: printable(String(code)) }),
    stack: printable(String(error.stack), LONGEST_STACK),
  };
}
