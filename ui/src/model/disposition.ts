// What becomes of a part: the machine's verdict and what a person said of it, taken together.
// The same table as `wiko_core::disposition`, by which the tally counts.
import type { AnalysisDto, Disposition, InspectionDto, OperatorCall, VerdictCode } from "../platform/types";

export type { Disposition };

/** Of the verdict and a person's last call, where there is one. */
export function dispositionOf(verdict: VerdictCode, lastCall: OperatorCall | null): Disposition {
  if (lastCall === "reject") return "rejected";
  // Nobody can release what no machine has judged: it stays pending until one has.
  if (lastCall === "accept" && (verdict === "fail" || verdict === "undetermined")) return "accepted";
  return verdict;
}

/** What becomes of the part of a record. */
export const dispositionOfRecord = (part: InspectionDto): Disposition =>
  dispositionOf(part.verdict.code, part.operator_decisions.at(-1)?.call ?? null);

/** True where a person decided otherwise than the machine, or instead of it. */
export const isByAPerson = (disposition: Disposition): disposition is "accepted" | "rejected" =>
  disposition === "accepted" || disposition === "rejected";

/** What the local screen marked on a part that another analyzer then called good: a person should look. */
export function doubtsOf(verdict: VerdictCode, analysis: AnalysisDto | null, screening: AnalysisDto | null): AnalysisDto["findings"] {
  if (verdict !== "pass" || analysis?.provider === "screen") return [];
  return screening?.findings ?? [];
}
