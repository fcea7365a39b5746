// R-8461-3.2-03, -04 and AMB-08: the media type of the response that brought a policy.

/** `type` is the value of Content-Type, null for none; the host has trimmed it. */
export function judgeMediaType(type: string | null, lenient: readonly string[]): string {
  if (type === null) return lenient.includes("missing-content-type") ? "accepted" : "media-type-missing";
  return /^text\/plain[ \t]*(?:;|$)/i.test(type) ? "accepted" : "media-type";
}
