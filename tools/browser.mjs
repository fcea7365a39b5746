// Bundles bindings/browser to dist/browser: index.js, portable.js (loaded only where it is needed), mta-sts.wasm.
import { copyFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";

const path = (name) => fileURLToPath(new URL(`../${name}`, import.meta.url));

const bundle = await rolldown({
  input: { index: path("bindings/browser/index.ts") },
  platform: "browser",
  transform: { inject: { Buffer: [path("bindings/browser/buffer.ts"), "Buffer"] } },
});
await bundle.write({ dir: path("dist/browser"), format: "esm", chunkFileNames: "[name].js", sourcemap: true });
await bundle.close();
copyFileSync(path("build/mta-sts.wasm"), path("dist/browser/mta-sts.wasm"));
