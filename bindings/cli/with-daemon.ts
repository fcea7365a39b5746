import { controlPath, readConfig } from "./configuration.ts";
import { ControlClient, ControlRefused, ControlUnreachable } from "./control-client.ts";
import { CommandFailure, EXIT } from "./exit-codes.ts";

export interface ControlOptions {
  readonly socket?: string;
  readonly config?: string;
}

/** Speaks to the running daemon; when that cannot be done the command ends with the reason and the exit code for it. */
export async function withDaemon<T>(
  { socket, config }: ControlOptions,
  speak: (client: ControlClient) => Promise<T>,
): Promise<T> {
  const path = socket ?? controlPath(readConfig(config));
  if (path === null)
    throw new CommandFailure(EXIT.usage, 'the configuration has no "control" listener; name a socket with --socket');
  try {
    return await speak(new ControlClient(path));
  } catch (error) {
    if (error instanceof ControlUnreachable)
      throw new CommandFailure(
        EXIT.temporary,
        `${error.message}\nstart the daemon with: mta-sts serve; if it has another control socket, name it with --socket`,
      );
    if (error instanceof ControlRefused) throw new CommandFailure(EXIT.temporary, error.message);
    throw error;
  }
}
