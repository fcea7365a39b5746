import { defineConfig } from "vitest/config";

const project = (name: string, include: string[], more: object = {}) => ({
  extends: true as const,
  test: { name, include, ...more },
});

export default defineConfig({
  test: {
    pool: "forks",
    chaiConfig: { truncateThreshold: 0 }, // test titles are read whole: they carry requirement ids
    testTimeout: 20_000,
    hookTimeout: 60_000,
    reporters: [
      "default",
      "./test/report-skipped.ts",
      "./test/report-requirements.ts",
      "./test/report-mtas.ts",
      "./test/report-dane.ts",
    ],
    coverage: {
      provider: "v8",
      include: ["assembly/**/*.ts"],
      reporter: ["text", "json-summary"],
      thresholds: { lines: 98, branches: 95 },
    },
    projects: [
      project("core", ["test/core/**/*.test.ts"], { testTimeout: 120_000 }),
      project("oracle", ["test/oracle/**/*.test.ts"], { testTimeout: 120_000 }),
      project("host", ["test/host/**/*.test.ts"]),
      project("simulation", ["test/simulation/**/*.test.ts"], { testTimeout: 120_000 }),
      project("daemon", ["test/daemon/**/*.test.ts"], { testTimeout: 60_000, fileParallelism: false }),
      project("postfix", ["test/postfix/**/*.test.ts"], {
        testTimeout: 180_000,
        hookTimeout: 600_000,
        fileParallelism: false,
      }),
      project("haraka", ["test/haraka/**/*.test.ts"], {
        exclude: ["test/haraka/dane.test.ts"],
        testTimeout: 60_000,
        fileParallelism: false,
        globalSetup: ["./test/haraka/packed-plugin.ts"],
      }),
      project("attacks", ["test/attacks/**/*.test.ts"], { testTimeout: 120_000 }),
      project("faults", ["test/faults/**/*.test.ts"], { testTimeout: 120_000, hookTimeout: 180_000 }),
      project("dane", ["test/dane/**/*.test.ts", "test/haraka/dane.test.ts"], {
        testTimeout: 120_000,
        hookTimeout: 120_000,
        fileParallelism: false,
        globalSetup: ["./test/haraka/packed-plugin.ts"],
      }),
      project("browser", ["test/browser/**/*.test.ts"], { testTimeout: 120_000, fileParallelism: false }),
      project("mtas", ["test/mtas/**/*.test.ts"], { testTimeout: 60_000, hookTimeout: 60_000 }),
    ],
  },
});
