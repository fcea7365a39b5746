import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import {
  COMMANDS,
  type LabAnswer,
  type LabDescription,
  type LabReady,
  type LabRequest,
  readLine,
  writeLine,
} from "./lab-protocol.ts";
import { createWorld, type World } from "./world.ts";

/**
 * A world as a process of its own: `node main.js [description.json]`, without a file the description is the first line
 * of stdin. Prints one "ready" line, then answers commands, a JSON line each. Ends with "close" or with its stdin.
 */

async function start(description: LabDescription): Promise<World> {
  const { domains = {}, ...options } = description;
  const world = await createWorld(options);
  for (const [name, spec] of Object.entries(domains)) await world.domain(name, spec);
  return world;
}

async function answer(world: World, { id, command, args }: LabRequest): Promise<LabAnswer> {
  try {
    if (!COMMANDS.includes(command)) throw new Error(`lab: no command ${JSON.stringify(command)}`);
    // The types of the arguments are checked where the call is written (lab-client.ts).
    const method = world[command] as (...args: readonly unknown[]) => Promise<unknown>;
    return { id, ok: true, value: await method.apply(world, [...args]) };
  } catch (error) {
    return { id, ok: false, error: error instanceof Error ? error.message : String(error) };
  }
}

async function main(): Promise<void> {
  const file = process.argv[2];
  const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
  const first = file === undefined ? (await lines.next()).value : readFileSync(file, "utf8");
  const world = await start(readLine(first ?? "{}") as LabDescription);
  const ready: LabReady = { ready: true, caPem: world.caPem, ...(await world.endpoints()) };
  process.stdout.write(writeLine(ready));
  for (let line = await lines.next(); line.done !== true; line = await lines.next()) {
    const request = readLine(line.value) as LabRequest;
    // Not awaited: a command that waits must not hold up the next one.
    const answered = answer(world, request).then((reply) => process.stdout.write(writeLine(reply)));
    if (request.command !== "close") continue;
    await answered;
    process.exit(0);
  }
  await world.close();
  process.exit(0);
}

main().catch((error: unknown) => {
  process.stderr.write(`lab: ${error instanceof Error ? error.stack : String(error)}\n`);
  process.exit(1);
});
