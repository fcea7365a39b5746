'use strict'

/**
 * The read-only page for Prometheus, and /healthz.
 *
 * @param {{ host: string, port: number }} address
 * @param page { metrics: { text, contentType }, health, onError } as createObserveServer takes it
 * @returns the listening http.Server
 */
exports.openMetricsPage = async (address, page) => {
  const { createObserveServer } = await import('mta-sts-engine')
  const server = createObserveServer(page)
  await new Promise((resolve, reject) => server.once('error', reject).listen(address.port, address.host, resolve))
  return server
}

/** In the master of a cluster, before the first worker is forked: the sum over the workers. */
exports.sumOfWorkers = async () => {
  const { clusterMetrics } = await import('mta-sts-engine')
  return clusterMetrics()
}
