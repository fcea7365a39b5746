// What a runtime made of the vector files, and of the tests of its SDK.

/** Counts by vector file, other tests, and what a person must read when something failed. */
export class Results {
  /** file -> { passed, failed } */
  files = new Map();
  /** Tests that are no vectors: { passed, failed }. */
  others = { passed: 0, failed: 0 };
  complaints = [];
  /** Tests that say themselves that they cannot run here. */
  skipped = [];

  vector(file, passed, failed) {
    const count = this.files.get(file) ?? { passed: 0, failed: 0 };
    this.files.set(file, { passed: count.passed + passed, failed: count.failed + failed });
  }

  /** A check by itself: its name, whether it is good, and what it printed. */
  check(name, good, output = "") {
    this.others[good ? "passed" : "failed"]++;
    if (!good) this.complaints.push(`${name}\n${output}`);
  }

  get failed() {
    return this.others.failed + [...this.files.values()].reduce((sum, { failed }) => sum + failed, 0);
  }

  get passed() {
    return this.others.passed + [...this.files.values()].reduce((sum, { passed }) => sum + passed, 0);
  }
}
