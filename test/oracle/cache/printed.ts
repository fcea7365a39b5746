// Effects as test/vectors/step.json prints them, in the model's words.
import type { Prediction } from "./model.ts";

const UNPREDICTED = new Set(["refresh-failing", "clock-ahead", "clock-behind", "leniency-used"]);

export function parseEffects(lines: readonly string[], wanted: Prediction): Prediction {
  const seen: Prediction = { answer: null, query: null, get: null, forget: false, mustStore: false, notices: [] };
  for (const line of lines) {
    const [kind = "", first = "", ...rest] = line.split(" ");
    if (kind === "query-record") seen.query = first as "awaited" | "background";
    else if (kind === "get-policy") seen.get = `${first} ${rest[0]}`;
    else if (kind === "forget") seen.forget = true;
    else if (kind === "store") seen.mustStore = wanted.mustStore;
    else if (kind === "notice" && !UNPREDICTED.has(first)) seen.notices.push(first);
    else if (kind === "answer") seen.answer = answerText(first, rest.slice(1));
  }
  return seen;
}

/** "fetched", ["enforce", "BODY", "id=1", "age=1/604800", "reuse=60", "recheck"] */
function answerText(status: string, words: readonly string[]): string {
  if (words[0] === "no") return `${status} none`;
  if (words[0] === "temp") return `${status} temp`;
  const [id, age] = ["id=", "age="].map((name) => words.find((word) => word.startsWith(name)));
  return `${status} ${words[0]} ${id} ${age}${words.includes("recheck") ? " recheck" : ""}`;
}
