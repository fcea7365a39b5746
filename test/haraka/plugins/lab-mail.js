// A plugin of the tests: accepts mail for every recipient, says what becomes of each message, and gives the routes and
// the faults that a case asks for. Lines go to the file in LAB_RECORD, one JSON object each.

const fs = require("node:fs");

exports.register = function () {
  // Before mta-sts, as a plugin with a route of its own stands.
  this.register_hook("get_mx", "route", 0);
};

exports.record = (entry) =>
  fs.appendFileSync(process.env.LAB_RECORD, `${JSON.stringify({ pid: process.pid, ...entry })}\n`);

exports.hook_connect = (next, connection) => {
  connection.relaying = true;
  next();
};

exports.hook_rcpt = (next) => next(OK);

exports.hook_data_post = (next, connection) => {
  const { header, notes } = connection.transaction;
  const mark = header.get("Lab-Mark").trim();
  if (mark === "tls-report") notes.mta_sts = { exempt: "tlsrpt-report" };
  next();
};

exports.route = (next, _hmail, domain) => {
  if (domain.startsWith("routed.")) return next(OK, process.env.LAB_ROUTE);
  if (domain.startsWith("crash.")) throw new Error("a get_mx plugin that fails");
  next();
};

/** Another plugin overrules every refusal. */
exports.hook_deny = (next, hmail, params) =>
  next(params[5] === "get_mx" && hmail.todo?.domain.startsWith("overruled.") ? OK : undefined);

const about = ({ todo }) => ({ domain: todo.domain, uuid: todo.uuid, to: todo.rcpt_to.map(String) });

exports.hook_delivered = function (next, hmail, [host, ip, response, , , , , secured]) {
  this.record({ what: "delivered", ...about(hmail), host, ip, response, tls: Boolean(secured) });
  next();
};

exports.hook_deferred = function (next, hmail, { err, delay }) {
  const status = hmail.todo.rcpt_to.map((rcpt) => rcpt.dsn_status);
  this.record({ what: "deferred", ...about(hmail), reason: String(err), delay, status });
  next();
};

exports.hook_bounce = function (next, hmail, error) {
  const status = hmail.todo.rcpt_to.map((rcpt) => rcpt.dsn_status);
  this.record({ what: "bounced", ...about(hmail), reason: error.message, status });
  next();
};
