export function servePlayground(options?: {
  readonly wasm?: boolean;
  readonly port?: number;
}): Promise<{ readonly url: string; close(): Promise<void> }>;
