// The cache of requirements section H as a readable model, beside every transcript of test/vectors/step.json that lies
// inside it. On random histories it stands beside the core itself (generated.ts).
import { describe, expect, it } from "vitest";
import { title } from "../../core/vectors.ts";
import { CacheModel } from "./model.ts";
import { parseEffects } from "./printed.ts";
import { eventOf, flagsOf, transcripts, vectors } from "./vectors.ts";

describe("the model expects what the transcripts expect", () => {
  it.each(transcripts.map((transcript) => ({ transcript, title: title(transcript, transcript.name) })))(
    "$title",
    ({ transcript }) => {
      const model = new CacheModel(transcript.onDiscoveryFailure);
      let flights = 0;
      for (const [i, step] of transcript.steps.entries()) {
        const predicted = model.step(eventOf(step, flights), step.at, flagsOf(step));
        const printed = parseEffects(step.expect, predicted);
        if (printed.get !== null) flights++;
        expect(predicted, `step ${i + 1}, ${step.event} at ${step.at}`).toEqual(printed);
      }
    },
  );

  it("and most of them lie inside the model", () => {
    console.log(
      `${transcripts.length} of ${vectors.length} transcripts, ${transcripts.flatMap(({ steps }) => steps).length} steps`,
    );
    expect(transcripts.length).toBeGreaterThan(vectors.length / 2);
  });
});
