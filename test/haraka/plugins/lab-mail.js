// A plugin of the tests: accepts mail for every recipient, says what becomes of each message, and gives the routes and
// the faults that a case asks for. Lines go to the file in LAB_RECORD, one JSON object each.

const fs = require("node:fs");

exports.register = function () {
  // Before mta-sts, as a plugin with a route of its own stands.
  this.register_hook("get_mx", "route", 0);
  this.register_hook("init_master", "listen");
  this.register_hook("init_child", "listen");
};

exports.listen = function (next, server) {
  server.notes.mta_sts?.events.on("outcome", (outcome) => this.record({ what: "outcome", ...outcome }));
  next();
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
  const mark = (header.get("Lab-Mark") ?? "").trim();
  if (mark === "tls-report") notes.mta_sts = { exempt: "tlsrpt-report" };
  next();
};

exports.route = function (next, hmail, domain) {
  if (process.env.LAB_UNLOAD_TLS) this.haraka_require("outbound/tls").cfg = undefined;
  if (process.env.LAB_FAULTS) this.inject(hmail.todo.rcpt_to[0].user);
  if (domain.startsWith("routed.")) return next(OK, process.env.LAB_ROUTE);
  if (domain.startsWith("crash.")) throw new Error("a get_mx plugin that fails");
  next();
};

/** "fault-core.plan@...": that part of the policy engine fails while this message is delivered. */
exports.inject = function (user) {
  const { policies } = this.haraka_require("plugins").registered_plugins["mta-sts"];
  for (const [owner, name, whole] of this.injected ?? []) owner[name] = whole;
  this.injected = [];
  const path = /^fault-(.+)$/.exec(user)?.[1].split(".");
  if (!path) return;
  const name = path.pop();
  const owner = path.reduce((part, key) => part[key], policies);
  const trap = () => new WebAssembly.RuntimeError("unreachable");
  this.injected.push([owner, name, owner[name]]);
  owner[name] = ["resolve", "recheck"].includes(name)
    ? () => Promise.reject(trap())
    : () => {
        throw trap();
      };
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
