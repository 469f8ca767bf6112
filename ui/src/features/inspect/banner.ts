// What the banner says of the part on the screen.
import { m, reasonName } from "../../i18n/index.svelte";
import { type Disposition, dispositionOf, isByAPerson } from "../../model/disposition";
import type { ShownPart } from "../../model/station.svelte";

export interface BannerText {
  verdict: Disposition | "ready" | "stopped";
  word: Disposition | "ready" | "captured" | "stopped" | "refused";
  /** For tests: how far the part has come. */
  phase: "ready" | "blocked" | "capturing" | "captured" | "screened" | "delayed" | "decided" | "refused";
  line: string;
  detail: string;
  /** The words of the station itself, shown small. */
  technical?: string;
}

export function bannerOf(shown: ShownPart | null): BannerText {
  if (!shown) return { verdict: "ready", word: "ready", phase: "ready", line: m.banner_ready(), detail: "" };
  const { verdict, screening, delayed, analysis } = shown;
  const disposition = dispositionOf(verdict.code, shown.row.operator_call);
  if (isByAPerson(disposition)) {
    const reason = shown.record?.operator_decisions.at(-1)?.reason ?? "";
    const machine = m.banner_machine_said({ verdict: m[`verdict_${verdict.code}`]() });
    const detail = [reason && reasonName(reason), machine].filter((text) => text !== "").join(" · ");
    return { verdict: disposition, word: disposition, phase: "decided", line: m[`banner_${disposition}`](), detail };
  }
  switch (verdict.code) {
    case "pass": {
      const line = analysis?.provider === "screen" ? m.banner_pass_screen() : m.banner_pass();
      return { verdict: "pass", word: "pass", phase: "decided", line, detail: verdict.detail };
    }
    case "fail": {
      const count = analysis?.findings.length ?? shown.row.findings;
      const line = count === 1 ? m.banner_fail_one() : m.banner_fail({ count });
      return { verdict: "fail", word: "fail", phase: "decided", line, detail: analysis?.summary ?? verdict.detail };
    }
    case "undetermined": {
      const reason = verdict.reason ? m[`undetermined_${verdict.reason}`]() : "";
      const detail = [reason, verdict.detail].filter((text) => text !== "").join(" · ");
      return { verdict: "undetermined", word: "undetermined", phase: "decided", line: m.banner_undetermined(), detail };
    }
    case "pending": {
      if (delayed !== null) {
        return { verdict: "pending", word: "pending", phase: "delayed", line: m.banner_pending(), detail: m[`pending_${delayed}`]() };
      }
      if (!screening) {
        return { verdict: "pending", word: "captured", phase: "captured", line: m.banner_captured(), detail: "" };
      }
      const count = screening.findings.length;
      const line = count > 0 ? m.banner_screened_found({ count }) : m.banner_screened_clear();
      return { verdict: "pending", word: "captured", phase: "screened", line, detail: "" };
    }
  }
}
