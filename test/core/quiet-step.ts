import type { StepRequest } from "../../host/core/step.ts";

/** The part of a step request that says: nothing in flight, a sound store, no leniency, the default settings. */
export const QUIET = {
  queryInFlight: false,
  getInFlight: false,
  recheckWaiting: false,
  pastLost: false,
  storeUnreadable: false,
  leniency: [],
  onDiscoveryFailure: "defer-briefly",
} as const satisfies Partial<StepRequest>;
