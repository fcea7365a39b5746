// bindings/python and examples/python-mta: vectors, the client against the lab, types.
import { join } from "node:path";
import { findCommand, root, run } from "./command.mjs";
import { runWithReport } from "./report.mjs";

export const pythonRuntime = {
  name: "Python",
  missing: () =>
    findCommand(["python3"], ["-c", "import sys, venv, ensurepip; assert sys.version_info >= (3, 11)"]) === null
      ? ["Python 3.11 with venv (Debian: python3-venv)"]
      : [],
  /** Lines "NAME NS" of bindings/python/bench.py. */
  bench() {
    const cwd = join(root, "bindings/python");
    const venv = run("bash", ["venv.sh"], { cwd }).stdout.trim();
    return run(join(venv, "bin/python"), ["-B", "bench.py"], { cwd, env: { PYTHONPATH: "src" } }).stdout;
  },
  run: () => runWithReport("bindings/python/test.sh", "bash", ["bindings/python/test.sh"])[0],
};
