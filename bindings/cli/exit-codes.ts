/** What a command says with its exit code; docs/commands.md has the table for each command. */
export const EXIT = {
  good: 0,
  /** The answer is no, or what was looked at is not valid. */
  no: 1,
  /** The command line or the configuration is wrong. */
  usage: 2,
  /** It cannot be said now: DNS, a policy host, the daemon or this machine is in the way. */
  temporary: 3,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Ends a command with a message for people on standard error. */
export class CommandFailure extends Error {
  override readonly name = "CommandFailure";
  constructor(
    readonly exitCode: ExitCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
