// The AssemblyScript built-ins that assembly/ uses, over a plain ArrayBuffer, so that the same sources run as
// JavaScript: the portable twin. Installed on globalThis before the first line of assembly/ runs.

const SIZE = 9 * 65536; // asconfig.json: the wasm module's memory has the same size

export const portableMemory = new ArrayBuffer(SIZE);

const view = new DataView(portableMemory);
const bytes = new Uint8Array(portableMemory);
let top = 1024;

/** Reserves `size` zero bytes, or the bytes given, at an aligned address; nothing is ever freed. */
function data(content: number | readonly number[], align = 16): number {
  top = Math.ceil(top / align) * align;
  const at = top;
  if (typeof content !== "number") bytes.set(content, at);
  top += typeof content === "number" ? content : content.length;
  if (top > SIZE) throw new RangeError("portable memory: the areas of assembly/ do not fit");
  return at;
}

const toI32 = Object.assign((value: number | boolean) => Number(value) | 0, {
  load8_u: (p: number) => view.getUint8(p),
  load16_u: (p: number) => view.getUint16(p, true),
  load: (p: number) => view.getInt32(p, true),
  store8: (p: number, value: number) => view.setUint8(p, value),
  store: (p: number, value: number) => view.setInt32(p, value, true),
});

const builtins = {
  u32: (value: number | boolean) => Number(value) >>> 0,
  i32: toI32,
  memory: { data },
};

const present = globalThis as unknown as Record<string, object | undefined>;
for (const [name, value] of Object.entries(builtins)) {
  // A tool chain's own portable library may have some of a name's functions and lack others.
  if (present[name]) Object.assign(present[name], { ...value });
  else Object.defineProperty(globalThis, name, { value });
}
