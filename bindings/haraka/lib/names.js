'use strict'

const net = require('node:net')

/**
 * The name an MX host is known by in MTA-STS: that of the MX record, before any alias (RFC 8461 section 4.1). Haraka
 * replaces it by an address once it is resolved and keeps the name in from_dns; for an implicit MX that is the domain
 * itself (R-8461-4.1-05).
 */
exports.mxName = ({ exchange, from_dns }) =>
  String(net.isIP(exchange) ? from_dns || exchange : exchange)
    .toLowerCase()
    .replace(/\.$/, '')
