/** `work`, or null once `limit` is aborted, whatever `work` does then. */
export function within<T>(limit: AbortSignal, work: Promise<T>): Promise<T | null> {
  return new Promise((resolve, reject) => {
    const stop = () => resolve(null);
    if (limit.aborted) stop();
    limit.addEventListener("abort", stop, { once: true });
    work.then(resolve, reject).finally(() => limit.removeEventListener("abort", stop));
  });
}
