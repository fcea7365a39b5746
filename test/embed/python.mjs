// bindings/python and examples/python-mta: vectors, the client against the lab, types.
import { findCommand } from "./command.mjs";
import { runWithReport } from "./report.mjs";

export const pythonRuntime = {
  name: "Python",
  missing: () =>
    findCommand(["python3"], ["-c", "import sys, venv, ensurepip; assert sys.version_info >= (3, 11)"]) === null
      ? ["Python 3.11 with venv (Debian: python3-venv)"]
      : [],
  run: () => runWithReport("bindings/python/test.sh", "bash", ["bindings/python/test.sh"])[0],
};
