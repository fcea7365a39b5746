import { styleText } from "node:util";

type Style = Parameters<typeof styleText>[0];

/** Coloured on a terminal only; NO_COLOR, FORCE_COLOR and TERM=dumb are heard. */
export function styled(style: Style, text: string): string {
  return styleText(style, text, { stream: process.stdout, validateStream: true });
}

/** Data: the answer of the command, and nothing else, goes to standard output. */
export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** Waits where the reader is slower than we are, for output that has no bound. */
export async function printSlowly(text: string): Promise<void> {
  if (process.stdout.write(`${text}\n`)) return;
  await new Promise<void>((done) => process.stdout.once("drain", done));
}

/** Messages: what went wrong and what to do, progress, hints. */
export function say(text: string): void {
  process.stderr.write(`mta-sts: ${text}\n`);
}

/** What a command waits for, told only to somebody who sits in front of it. */
export function progress(text: string): void {
  if (process.stderr.isTTY === true) say(text);
}

/** One line of JSON in pure ASCII: whatever the network put into a string, no byte of it reaches a terminal as it is. */
export function asJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[\x7f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** A label and its text in two columns; further lines of the text stand under the first. */
export function labelled(label: string, text: string): string {
  const [first = "", ...rest] = text.split("\n");
  const width = 12;
  return [styled("bold", label.padEnd(width)) + first, ...rest.map((line) => " ".repeat(width) + line)].join("\n");
}
