import { describe, expect, it } from "vitest";
import { OPERATOR_CALLS, VERDICTS } from "../platform/codes";
import { analysisOf, GOOD, RUST_AND_SCRATCH } from "../platform/fake/scenes";
import { dispositionOf, doubtsOf } from "./disposition";

describe("what becomes of a part", () => {
  it("is rejected once a person rejects it, whatever the machine found", () => {
    for (const verdict of VERDICTS) expect(dispositionOf(verdict, "reject")).toBe("rejected");
  });

  it("is accepted where a person releases what a machine has judged, and nothing else", () => {
    expect(VERDICTS.map((verdict) => dispositionOf(verdict, "accept"))).toEqual(["pass", "accepted", "accepted", "pending"]);
  });

  it("is what the machine said where a person confirms it or says nothing", () => {
    for (const verdict of VERDICTS) {
      for (const call of [null, "confirm"] as const) expect(dispositionOf(verdict, call)).toBe(verdict);
    }
  });

  it("is a pass in one way only: found good, and not rejected", () => {
    const passes = VERDICTS.flatMap((verdict) => [null, ...OPERATOR_CALLS].filter((call) => dispositionOf(verdict, call) === "pass").map((call) => [verdict, call]));
    expect(passes).toEqual([["pass", null], ["pass", "confirm"], ["pass", "accept"]]);
  });
});

describe("a doubt of the local screen", () => {
  const marked = analysisOf(RUST_AND_SCRATCH, "screen", "en");
  it("stands beside a pass of another analyzer", () => {
    expect(doubtsOf("pass", analysisOf(GOOD, "claude", "en"), marked)).toHaveLength(2);
    expect(doubtsOf("fail", analysisOf(RUST_AND_SCRATCH, "claude", "en"), marked)).toEqual([]);
    expect(doubtsOf("pass", analysisOf(GOOD, "claude", "en"), analysisOf(GOOD, "screen", "en"))).toEqual([]);
    expect(doubtsOf("pass", analysisOf(GOOD, "claude", "en"), null)).toEqual([]);
  });
});
