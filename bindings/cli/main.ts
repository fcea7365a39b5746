#!/usr/bin/env node
import { CommanderError } from "commander";
import { printable } from "../../host/observe/printable.ts";
import { CommandFailure, EXIT } from "./exit-codes.ts";
import { say } from "./output.ts";
import { createProgram } from "./program.ts";

// `mta-sts cache list | head` is no error: the reader has what it wanted.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit();
});

try {
  await createProgram().parseAsync();
} catch (error) {
  process.exitCode = report(error);
}

/** Tells what went wrong, unless commander has already, and picks the exit code. */
function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.good : EXIT.usage;
  if (error instanceof CommandFailure) {
    say(error.message);
    return error.exitCode;
  }
  say(`a fault in mta-sts itself, please report it: ${printable(String((error as Error)?.stack ?? error), 2000)}`);
  return EXIT.no;
}
