import { describe, expect, it } from "vitest";
import en from "../../messages/en.json";
import zh from "../../messages/zh-CN.json";
import { PEDAL_KEY_REFUSALS } from "../model/pedal-key";
import * as codes from "../platform/codes";

const texts: Record<string, Record<string, string>> = { "zh-CN": zh, en };
const { DISPOSITIONS } = codes;
const LISTS: [prefix: string, codes: readonly string[]][] = [
  ["stage", codes.STAGES], ["facility", codes.FACILITIES], ["defect", codes.DEFECT_TYPES],
  ["severity", codes.SEVERITIES], ["region", codes.REGIONS], ["action", codes.ACTIONS],
  ["verdict", DISPOSITIONS], ["filter_verdict", DISPOSITIONS], ["verdict_second", DISPOSITIONS], ["verdict_short", DISPOSITIONS],
  ["undetermined", codes.UNDETERMINED_REASONS], ["provider", codes.PROVIDERS],
  ["camera", codes.CAMERA_STATES], ["obstacle", codes.OBSTACLES], ["call", codes.OPERATOR_CALLS],
  ["role", codes.ROLES], ["backing", codes.BACKINGS], ["secret", codes.SECRET_NAMES],
  ["check_state", codes.CHECK_STATES], ["cloud", codes.CLOUD_LINKS], ["error", codes.ERROR_CODES],
  ["check", codes.CHECKS], ["queue_name", codes.QUEUES],
  ["service", codes.SERVICES], ["circuit", codes.CIRCUIT_STATES], ["work_state", codes.WORK_STATES],
  ["clock", codes.CLOCK_TROUBLES],
  ["audit_source", codes.AUDIT_SOURCES], ["audit_category", codes.AUDIT_CATEGORIES], ["audit_result", codes.AUDIT_RESULTS],
  ["budget_state", codes.BUDGET_STATES], ["outcome", codes.CONTAINMENT_OUTCOMES],
  ["reason", [...codes.ACCEPT_REASONS, ...codes.REJECT_REASONS]],
  ["pedal_refused", PEDAL_KEY_REFUSALS],
  ["cam_transport", codes.TRANSPORTS], ["cam_cause", codes.LOST_CAUSES], ["cam_cause_todo", codes.LOST_CAUSES],
  ["cam_fault", codes.FRAME_FAULTS], ["cam_fault_todo", codes.FRAME_FAULTS], ["cam_visibility", codes.VISIBILITIES],
  ["cam_access", codes.ACCESSES], ["cam_line_mode", codes.LINE_SCAN_MODES], ["cam_method", codes.CALIBRATION_METHODS],
  ["cam_measure", codes.QUALITY_MEASURES],
  ["trigger_source", codes.TRIGGER_SOURCES], ["trigger_by", codes.TRIGGER_SOURCES], ["trig_hint", codes.TRIGGER_SOURCES],
  ["trig_fills", codes.BARCODE_FILLS], ["camera_warning", codes.CAMERA_WARNINGS], ["camera_warning_todo", codes.CAMERA_WARNINGS],
  ["upload", ["local", "not_due", "waiting", "parked", "verified"]],
];

describe("texts", () => {
  it("exist under the same keys in both languages", () => {
    expect(Object.keys(en).sort()).toEqual(Object.keys(zh).sort());
  });

  it("take the same values in both languages", () => {
    const values = (text: string) => [...text.matchAll(/\{(\w+)\}/g)].map((found) => found[1]).sort();
    for (const name of Object.keys(zh)) {
      expect(values(texts.en![name]!), name).toEqual(values(texts["zh-CN"]![name]!));
    }
  });

  for (const [prefix, list] of LISTS) {
    it(`name every code of ${prefix}`, () => {
      for (const language of codes.LANGUAGES) {
        for (const code of list) {
          expect(texts[language]![`${prefix}_${code}`], `${language} ${prefix}_${code}`).toMatch(/\S/);
        }
      }
    });
  }

  it("tell the codes of one list apart", () => {
    for (const [prefix, list] of LISTS) {
      for (const language of codes.LANGUAGES) {
        const all = list.map((code) => texts[language]![`${prefix}_${code}`]);
        expect(new Set(all).size, `${language} ${prefix}`).toBe(all.length);
      }
    }
  });
});
