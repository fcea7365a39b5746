// Serves the playground on loopback: `node examples/playground/serve.mjs [PORT]`, after `npm run build`. Any static server
// will do that maps /mta-sts/ to dist/browser and sends the same Content-Security-Policy.
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const FILES = {
  "/": "index.html",
  "/playground.css": "playground.css",
  "/playground.js": "playground.js",
  "/mta-sts/index.js": "../../dist/browser/index.js",
  "/mta-sts/abi.js": "../../dist/browser/abi.js",
  "/mta-sts/portable.js": "../../dist/browser/portable.js",
  "/mta-sts/mta-sts.wasm": "../../dist/browser/mta-sts.wasm",
};
const TYPES = {
  ".html": "text/html; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".wasm": "application/wasm",
};

/** Without 'wasm-unsafe-eval' the page runs on the portable build. */
const policy = (wasm) =>
  `default-src 'none'; script-src 'self'${wasm ? " 'wasm-unsafe-eval'" : ""}; style-src 'self'; connect-src 'self'; ` +
  "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/**
 * @param options.wasm may the page compile WebAssembly? Default true
 * @param options.port default 0, a free one
 * @returns where it listens, and how to end it
 */
export async function servePlayground({ wasm = true, port = 0 } = {}) {
  const server = createServer(async (request, response) => {
    const file = FILES[new URL(request.url, "http://localhost").pathname];
    if (file === undefined) return response.writeHead(404).end();
    const path = fileURLToPath(new URL(file, import.meta.url));
    response.writeHead(200, {
      "Content-Type": TYPES[extname(path)],
      "Content-Security-Policy": policy(wasm),
      "X-Content-Type-Options": "nosniff",
      "Referrer-Policy": "no-referrer",
    });
    response.end(await readFile(path));
  });
  await new Promise((resolve) => server.listen(port, "127.0.0.1", resolve));
  const close = () =>
    new Promise((resolve) => {
      server.close(resolve);
      server.closeAllConnections();
    });
  return { url: `http://127.0.0.1:${server.address().port}/`, close };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const { url } = await servePlayground({ port: Number(process.argv[2] ?? 8463) });
  process.stdout.write(`${url}\n`);
}
