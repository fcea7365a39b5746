'use strict'

/** What `promise` resolves to, or null once `milliseconds` have passed; rejects as it does. */
exports.within = (promise, milliseconds) => {
  let timer
  const late = new Promise((resolve) => {
    timer = setTimeout(resolve, milliseconds, null)
  })
  return Promise.race([promise, late]).finally(() => clearTimeout(timer))
}
