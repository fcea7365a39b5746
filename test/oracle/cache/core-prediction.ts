// What the core's effects say of the things that the model predicts, in the model's words.
import type { Effect, StepAnswer } from "../../../host/core/step.ts";
import type { Prediction } from "./model.ts";

const PREDICTED = new Set([
  ...["policy-new", "policy-changed", "policy-weakened", "policy-expired"],
  ...[
    "record-missing",
    "record-invalid",
    "record-failed",
    "fetch-failed",
    "policy-invalid",
    "discovery-open",
    "id-churn",
  ],
]);

function answerText({ status, verdict, policy, recheck }: StepAnswer): string {
  if (policy === null) return `${status} ${verdict}`;
  return `${status} ${policy.mode} id=${policy.id || "-"} age=${policy.age}/${policy.maxAge}${recheck ? " recheck" : ""}`;
}

function tokenId(token: Uint8Array): string {
  const length = new DataView(token.buffer, token.byteOffset).getUint32(12, true);
  return length === 0 ? "-" : Buffer.from(token.subarray(16, 16 + length)).toString("latin1");
}

/** `wanted` says whether a store was to be predicted: what else is stored is the core's own affair. */
export function predictionOf(effects: readonly Effect[], wanted: Prediction): Prediction {
  const seen: Prediction = { answer: null, query: null, get: null, forget: false, mustStore: false, notices: [] };
  for (const effect of effects) {
    const how = "wait" in effect && effect.wait ? "awaited" : "background";
    if (effect.kind === "answer") seen.answer = answerText(effect.answer);
    else if (effect.kind === "query-record") seen.query = how;
    else if (effect.kind === "get-policy") seen.get = `${how} id=${tokenId(effect.token)}`;
    else if (effect.kind === "forget") seen.forget = true;
    else if (effect.kind === "store") seen.mustStore = wanted.mustStore;
    else if (effect.kind === "notice" && PREDICTED.has(effect.notice)) seen.notices.push(effect.notice);
  }
  return seen;
}
