/** Where in a configuration something stands: keys and list positions from the top. */
export type Path = readonly (string | number)[];

/** One thing that is wrong: the place as an editor or a shell user knows it, and a sentence. */
export interface Problem {
  /** "config.yaml:5:1", "MTA_STS_LOG_LEVEL", "option log.level". */
  readonly where: string;
  readonly message: string;
}

/** Called with a path below the value at hand and a sentence on what is wrong there. */
export type Report = (path: Path, message: string) => void;

/** The configuration cannot be used. The message has one line for each problem of the file and the environment. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  constructor(readonly problems: readonly Problem[]) {
    super(problems.map((problem) => `${problem.where}: ${problem.message}`).join("\n"));
  }
}

/** "dns.timeout", "listen[0].postfix.mode": how messages and the documentation name a key. */
export function dotted(path: Path): string {
  return path.reduce<string>(
    (text, step) => (typeof step === "number" ? `${text}[${step}]` : text === "" ? step : `${text}.${step}`),
    "",
  );
}

/** True when `path` is `prefix` or lies below it. */
export function isWithin(path: Path, prefix: Path): boolean {
  return prefix.every((step, index) => path[index] === step);
}
