// What the station in memory finds: a few analyses in the form of the real ones.
import type {
  AnalysisDto, CauseDto, FindingDto, HistoryRowDto, Language, UndeterminedReason, VerdictCode,
} from "../types";

type Words = Record<Language, string>;

export interface Scene {
  verdict: VerdictCode;
  reason?: UndeterminedReason;
  detail?: Words;
  summary: Words;
  findings: (Omit<FindingDto, "description"> & { words: Words })[];
  /** What the local screen marks, where it is not what the analyzer finds. */
  screened?: Scene["findings"];
  /** Who decides; Claude where nothing is said. */
  judge?: "screen" | "claude";
  cause?: (language: Language) => CauseDto;
}

const SEEN = { kind: "resized", width_px: 1568, height_px: 882 } as const;

const RUST: Scene["findings"][number] = {
  defect_type: "rust_spot", severity: "critical", confidence: 0.94, region: "blade_surface",
  box_px: { x: 520, y: 470, width: 150, height: 120 }, provenance: SEEN, recommended_action: "reject",
  size_mm: 6.2,
  words: { "zh-CN": "刀面中部褐色锈斑，边缘扩散。", en: "Brown rust spot in the middle of the blade, spreading at its rim." },
};
const SCRATCH: Scene["findings"][number] = {
  defect_type: "blade_scratch", severity: "major", confidence: 0.81, region: "blade_surface",
  box_px: { x: 760, y: 560, width: 260, height: 90 }, provenance: SEEN, recommended_action: "rework",
  size_mm: 11.4,
  words: { "zh-CN": "斜向划痕，长于 5 mm。", en: "Diagonal scratch, longer than 5 mm." },
};
const SMUDGE: Scene["findings"][number] = {
  defect_type: "surface_contamination", severity: "cosmetic", confidence: 0.55, region: "handle_right",
  box_px: { x: 1400, y: 560, width: 130, height: 60 }, provenance: SEEN, recommended_action: "accept",
  size_mm: null,
  words: { "zh-CN": "疑似油渍，也可能是反光。", en: "Perhaps oil, perhaps a reflection." },
};
const SPOT: Scene["findings"][number] = {
  defect_type: "polish_defect", severity: "minor", confidence: 0.72, region: "blade_spine",
  box_px: { x: 640, y: 418, width: 200, height: 54 }, provenance: SEEN,
  recommended_action: "accept_with_discount", size_mm: null,
  words: { "zh-CN": "刀背抛光不均。", en: "Uneven polish along the spine." },
};

export const GOOD: Scene = {
  verdict: "pass",
  summary: { "zh-CN": "未发现缺陷。", en: "No defect found." },
  findings: [],
};
/** The local screen marks two places, and Claude finds the part good. */
export const GOOD_AFTER_DOUBT: Scene = { ...GOOD, screened: [RUST, SCRATCH] };
/** No network: the local screen decides alone. */
export const GOOD_BY_SCREEN: Scene = { ...GOOD, judge: "screen" };
export const RUST_AND_SCRATCH: Scene = {
  verdict: "fail",
  summary: { "zh-CN": "刀面有锈斑和划痕，不能出货。", en: "Rust and a scratch on the blade; it cannot ship." },
  findings: [RUST, SCRATCH],
  cause: (language) =>
    language === "en"
      ? {
          probable_stage: "vacuum_quench",
          root_cause: "Vacuum leak in the quench: oxygen reached the blade between 1000 and 600 °C.",
          five_whys: [
            "Why rust? The passive layer is broken at the spot.", "Why broken? Oxide formed in the quench.",
            "Why oxide? The chamber held 8 Pa instead of 1 Pa.", "Why 8 Pa? The door seal is worn.",
            "Why worn? It is not on the monthly plan.",
          ],
          ishikawa: {
            machine: ["Worn door seal of furnace 2"], material: [], method: ["Leak rate is checked monthly only"],
            man: [], measurement: [], environment: ["High humidity in the hall"],
          },
          contributing_factors: ["High humidity in the hall"],
          corrective_actions: ["Hold the lot and check the chamber's leak rate.", "Replace the door seal."],
          preventive_actions: ["Put the seal on the monthly plan."],
        }
      : {
          probable_stage: "vacuum_quench",
          root_cause: "真空淬火炉漏气：1000–600 °C 降温段有氧进入。",
          five_whys: [
            "为何生锈？锈点处钝化膜破坏。", "为何破坏？淬火时生成氧化物。", "为何氧化？炉压 8 Pa，高于 1 Pa。",
            "为何 8 Pa？炉门密封圈磨损。", "为何磨损？未列入月度保养。",
          ],
          ishikawa: {
            machine: ["2 号炉炉门密封圈磨损"], material: [], method: ["漏率每月才检测一次"],
            man: [], measurement: [], environment: ["车间湿度偏高"],
          },
          contributing_factors: ["车间湿度偏高"],
          corrective_actions: ["封存本批次并检测炉体漏率。", "更换炉门密封圈。"],
          preventive_actions: ["将密封圈列入月度保养。"],
        },
};
export const UNEVEN_POLISH: Scene = {
  verdict: "fail",
  summary: { "zh-CN": "刀背抛光不均，可折价。", en: "Uneven polish on the spine; may ship at a discount." },
  findings: [SPOT],
};
export const UNSURE: Scene = {
  verdict: "undetermined", reason: "unsure",
  detail: { "zh-CN": "手柄右侧暗斑，无法区分油渍与反光。", en: "Dark patch on the right scale: oil and reflection cannot be told apart." },
  summary: { "zh-CN": "无法判定。", en: "Cannot tell." },
  findings: [SMUDGE],
};
export const SCENES = [
  GOOD, GOOD, RUST_AND_SCRATCH, GOOD, GOOD, GOOD, UNSURE, GOOD, UNEVEN_POLISH, GOOD, GOOD, GOOD,
] as const;

/** The scene as an analysis by one of the analyzers. */
export function analysisOf(scene: Scene, provider: "screen" | "claude", language: Language): AnalysisDto {
  const claude = provider === "claude";
  return {
    provider,
    model: claude ? "anthropic.claude-opus-4-v1" : "registered-variation-1",
    prompt_sha256: claude
      ? "5b1f0c7e9a4d23c68f0be12d7745a90c3e6f8821bb4d1029ce55f7a3d0916e2c"
      : "a00cd7734fe18b29d6c51e3b9f4428ad71c0e65b2f93d8846a1b7ce0352f9d14",
    summary: scene.summary[language],
    findings: ((claude ? null : scene.screened) ?? scene.findings).map(({ words, ...finding }) => ({
      ...finding,
      description: claude ? words[language] : "",
      defect_type: claude ? finding.defect_type : "unknown",
      provenance: claude ? finding.provenance : { kind: "native" },
    })),
    disagreement: null,
    image_unfit: null,
    image_unusable: null,
    cause: (claude && scene.cause?.(language)) || null,
    usage: claude
      ? { input_tokens: 2841, output_tokens: 512, cost_usd: 0.0214, latency_ms: 4180 }
      : { input_tokens: 0, output_tokens: 0, cost_usd: 0, latency_ms: 118 },
  };
}

/** What the history tells of the worst finding. */
export function worstOf(analysis: AnalysisDto | null): Pick<HistoryRowDto, "severity" | "defect_type" | "findings"> {
  const worst = analysis?.findings[0];
  return {
    severity: worst?.severity ?? null,
    defect_type: worst?.defect_type ?? null,
    findings: analysis?.findings.length ?? 0,
  };
}
