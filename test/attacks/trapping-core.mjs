// Loaded into a daemon with `node --import`: after SIGUSR2 the decision core of the running instance executes
// `unreachable` in its next step and in every one after it. A fresh instance is well.
const TRAP = new WebAssembly.Module(
  Uint8Array.of(
    0,
    97,
    115,
    109,
    1,
    0,
    0,
    0,
    1,
    4,
    1,
    96,
    0,
    0,
    3,
    2,
    1,
    0,
    7,
    5,
    1,
    1,
    116,
    0,
    0,
    10,
    5,
    1,
    3,
    0,
    0,
    11,
  ),
);
const trap = new WebAssembly.Instance(TRAP).exports.t;
let generation = 0;
let damaged = 0;
process.on("SIGUSR2", () => {
  damaged = generation;
});

function guarded(instance) {
  const { mtasts_step: step } = instance.exports;
  if (step === undefined) return instance; // Node has WebAssembly of its own
  const mine = ++generation;
  const mtasts_step = (...args) => (mine <= damaged ? trap() : step(...args));
  return { exports: { ...instance.exports, mtasts_step } };
}

const { instantiate, Instance } = WebAssembly;
WebAssembly.instantiate = async (...args) => {
  const made = await instantiate(...args);
  if (made instanceof Instance) return guarded(made);
  return { module: made.module, instance: guarded(made.instance) };
};
WebAssembly.Instance = new Proxy(Instance, { construct: (_, args) => guarded(new Instance(...args)) });
