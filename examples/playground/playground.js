// The page: what stands in the three fields goes through the core, and what it says is put into words. No decision is made
// here. Texts of others are shown with textContent only.
import { load } from "./mta-sts/index.js";

const field = (id) => document.getElementById(id);
const linesOf = (id) =>
  field(id)
    .value.split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");

const EXAMPLE = {
  txt: "v=STSv1; id=20260101T000000;\nv=spf1 mx -all",
  policy: "version: STSv1\nmode: enforce\nmx: mx1.example.com\nmx: *.backup.example.com\nmax_age: 604800\n",
  hosts: [
    "mx1.example.com  mx1.example.com",
    "a.backup.example.com  *.example.com",
    "deep.a.backup.example.com",
    "mx.attacker.example",
    "192.0.2.1",
  ].join("\n"),
};

const SKIPPED = {
  "not-in-policy": "no mx line of the policy covers it",
  "not-a-host-name": "it is no host name that a certificate could hold",
  temporary: "the domain is to be asked for again later",
};
const WHYS = {
  compliant: "its certificate names it",
  "name-mismatch": "its certificate does not name it",
};

function say(id, kind, text) {
  field(id).className = `verdict ${kind}`;
  field(id).textContent = text;
}

function showRecord(core) {
  const record = core.selectRecord(linesOf("txt"));
  if (record.ok) say("record", "good", `id ${record.id}: there is a policy to fetch`);
  else if (record.code === "no-record")
    say("record", "warn", "There is no MTA-STS record: mail goes out without a policy");
  else say("record", "bad", `Counts as none: ${record.reason} (at octet ${record.offset})`);
  return record.ok;
}

/** The line on which reading stopped, with a mark below the octet. */
function showPlace(text, offset) {
  // Offsets are octets; the text before the place may hold characters of several.
  const before = new TextDecoder().decode(new TextEncoder().encode(text).subarray(0, offset));
  const start = before.lastIndexOf("\n") + 1;
  const [line] = text.slice(start).split("\n");
  field("place").hidden = false;
  field("place").textContent = `${line}\n${" ".repeat(before.length - start)}^`;
}

function duration(seconds) {
  const [size, unit] = seconds >= 86_400 ? [86_400, "days"] : seconds >= 3600 ? [3600, "hours"] : [1, "seconds"];
  return `${Math.round((seconds / size) * 10) / 10} ${unit}`;
}

function showPolicy(core) {
  const text = field("policy").value;
  const policy = core.parsePolicy(text);
  field("place").hidden = true;
  if (policy.ok) {
    const kind = policy.mode === "enforce" ? "good" : "warn";
    say(
      "parsed",
      kind,
      `Valid: mode ${policy.mode}, ${policy.mx.length} mx patterns, kept for ${duration(policy.maxAge)}`,
    );
    return policy;
  }
  say("parsed", "bad", `No policy: ${policy.reason} (at octet ${policy.offset})`);
  showPlace(text, policy.offset);
  return null;
}

/** What to do with a host, and why: plan, and judge for the certificate that was given. */
function describe(core, entry, policy, names) {
  if (entry.action === "skip") return ["bad", "Do not use it", SKIPPED[entry.reason] ?? entry.reason];
  const pattern = policy?.mx.find((mx) => core.matchesMx(mx, entry.host));
  const covered = pattern === undefined ? "" : `covered by mx: ${pattern}`;
  if (names.length === 0) {
    const known = {
      pkix: ["good", "Use it, over TLS with a valid certificate that names it"],
      opportunistic: ["warn", "Use it as without a policy"],
    };
    const [kind, what] = known[entry.action] ?? ["warn", entry.action];
    return [kind, what, covered || SKIPPED[entry.reason] || "no policy asks for more"];
  }
  const judged = core.judge({ entry, session: "tls", tlsVersion: 0x0304, chain: "valid", names, last: false });
  const why = [covered, WHYS[judged.why] ?? judged.why, judged.resultType ? `TLSRPT: ${judged.resultType}` : ""];
  const what = judged.verdict === "deliver" ? "Deliver" : "Connect, then leave it for the next host";
  const kind = judged.verdict !== "deliver" ? "bad" : judged.compliant ? "good" : "warn";
  return [kind, what, why.filter((part) => part !== "").join("; ")];
}

function row(host, [kind, what, why]) {
  const made = document.createElement("tr");
  for (const [text, name] of [[host], [what, kind], [why]]) {
    const cell = made.insertCell();
    cell.textContent = text;
    if (name) cell.className = name;
  }
  return made;
}

function showPlan(core, policy) {
  const entries = linesOf("hosts").map((line) => line.split(/\s+/));
  const decision = policy
    ? { verdict: "policy", policy: new TextEncoder().encode(field("policy").value) }
    : { verdict: "none" };
  const plan = core.plan({ decision, hosts: entries.map(([host]) => host) });
  const usable = plan.filter(({ action }) => action !== "skip").length;
  const rest = policy
    ? `may be used under mode ${policy.mode}`
    : "may be used: without a policy nothing is asked of them";
  say("summary", usable === 0 && plan.length > 0 ? "bad" : "", `${usable} of ${plan.length} hosts ${rest}`);
  field("plan").replaceChildren(
    ...plan.map((entry, i) => row(entry.host, describe(core, entry, policy, entries[i].slice(1)))),
  );
}

function show(core) {
  const published = showRecord(core);
  const policy = showPolicy(core);
  showPlan(core, published ? policy : null);
}

try {
  const { build, core } = await load();
  for (const [id, text] of Object.entries(EXAMPLE)) field(id).value = text;
  field("build").textContent =
    build === "wasm" ? "mta-sts.wasm" : "its portable build, because this page may not run WebAssembly";
  field("input").addEventListener("input", () => show(core));
  show(core);
} catch (error) {
  field("build").textContent = `it could not be loaded (${error.message})`;
}
