// The core's typed calls were written for Node and use two of Buffer's many functions. The bundler puts this in its
// place (tools/browser.mjs), so that no page has to bring a polyfill.

const encoder = new TextEncoder();
/** String.fromCharCode takes its octets as arguments, and engines have a limit on those. */
const AT_ONCE = 8192;

/** Octets that can be read as text, one character each. */
class Octets extends Uint8Array {
  override toString(_encoding?: "latin1", start = 0, end = this.length): string {
    let text = "";
    for (let at = start; at < end; at += AT_ONCE)
      text += String.fromCharCode(...this.subarray(at, Math.min(at + AT_ONCE, end)));
    return text;
  }
}

export const Buffer = {
  /** UTF-8 of a text, or a view of an ArrayBuffer. */
  from: (content: string | ArrayBuffer): Octets =>
    typeof content === "string" ? new Octets(encoder.encode(content)) : new Octets(content),
};
