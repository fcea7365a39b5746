import type { Core } from "../../host/core/core.ts";
import { Episode, type EpisodeResult } from "./episode.ts";
import { Tally } from "./tally.ts";
import type { Plant } from "./world.ts";

export interface CampaignSetup {
  readonly core: Core;
  readonly seed: number;
  /** In all; each episode has EPISODE of them and those of its healing. */
  readonly deliveries: number;
  readonly processes?: number | null;
  readonly plant?: Plant;
  /** Only this one. */
  readonly episode?: number | null;
  readonly onLine?: (line: string) => void;
}

/** What a campaign has come to so far. */
export interface Campaign {
  readonly tally: Tally;
  episodes: number;
  deliveries: number;
  /** Seconds that went by in the worlds. */
  seconds: number;
  /** Of all traces, in order. */
  hash: string;
  failed: { readonly episode: number; readonly result: EpisodeResult } | null;
}

export const EPISODE = 2_000;

/** One seed's worlds, one after the other, until enough was delivered or a promise is broken. */
export async function campaign(setup: CampaignSetup): Promise<Campaign> {
  const done: Campaign = { tally: new Tally(), episodes: 0, deliveries: 0, seconds: 0, hash: "", failed: null };
  const { processes = null } = setup;
  const only = setup.episode ?? null;
  for (let episode = only ?? 0; done.deliveries < setup.deliveries && !done.failed; episode++) {
    const deliveries = Math.min(EPISODE, setup.deliveries - done.deliveries);
    const result = await new Episode({ ...setup, episode, deliveries, processes }).run();
    include(done, episode, result);
    if (only !== null) break;
  }
  return done;
}

function include(done: Campaign, episode: number, result: EpisodeResult): void {
  done.tally.add(result.tally);
  done.episodes++;
  done.deliveries += result.deliveries;
  done.seconds += result.seconds;
  done.hash = chained(done.hash, result.hash);
  if (result.violation) done.failed = { episode, result };
}

/** FNV-1a over both, twice 32 bits. */
function chained(before: string, hash: string): string {
  let [h, g] = [0x811c9dc5, 0x9747b28c];
  for (const c of Buffer.from(before + hash)) {
    h = Math.imul(h ^ c, 0x01000193);
    g = (Math.imul(g, 31) + c) | 0;
  }
  return [h, g].map((half) => (half >>> 0).toString(16).padStart(8, "0")).join("");
}
