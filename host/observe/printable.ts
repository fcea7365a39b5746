const PRINTABLE = /^[\x20-\x5b\x5d-\x7e]*$/;
const ELLIPSIS = "...";

/**
 * Text from the network (or from a file) made safe for one log line: printable ASCII stays, a backslash is doubled,
 * everything else becomes \xHH or \u{H}. So nothing can start a new line, colour a terminal or pass for something else.
 * At most `max` characters; what was cut off is shown as "...", and an escape is never cut in two.
 */
export function printable(text: string, max = 200): string {
  if (text.length <= max && PRINTABLE.test(text)) return text;
  const pieces: string[] = [];
  let length = 0;
  let whole = true;
  for (const character of text) {
    const piece = escaped(character);
    if (length + piece.length > max) {
      whole = false;
      break;
    }
    pieces.push(piece);
    length += piece.length;
  }
  if (whole) return pieces.join("");
  while (length > Math.max(0, max - ELLIPSIS.length)) length -= pieces.pop()?.length ?? length;
  return pieces.join("") + ELLIPSIS.slice(0, max);
}

function escaped(character: string): string {
  if (character === "\\") return "\\\\";
  const code = character.codePointAt(0) ?? 0;
  if (code >= 0x20 && code <= 0x7e) return character;
  return code <= 0xff ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u{${code.toString(16)}}`;
}
