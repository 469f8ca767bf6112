// The station in memory for a browser: `?state=…` asks for a state to look at.
import { GIGE_MISSING } from "./camera-scenes";
import { GOOD, RUST_AND_SCRATCH, type Scene, UNEVEN_POLISH, UNSURE } from "./scenes";
import { FakeStation } from "./station";
import type { TriggerSettingsDto } from "../types";

const SCENES: Record<string, Scene[]> = {
  pass: [GOOD], fail: [RUST_AND_SCRATCH], minor: [UNEVEN_POLISH], undetermined: [UNSURE],
};

export function openFake(search: URLSearchParams): FakeStation {
  const state = search.get("state") ?? "";
  const scenes = SCENES[state];
  const station = new FakeStation({
    history: state === "empty" ? 0 : 300,
    ...(scenes ? { scenes } : {}),
  });
  if (search.get("language") === "en") station.state.session.language = "en";
  switch (state) {
    case "pending":
      station.offline = true;
      station.setLive({ cloud: { link: "offline", reason: "no route to bedrock-runtime.us-east-1" } });
      break;
    case "storage":
      station.setLive({ storage_fault: "the disk is full: free space in /var/lib/wiko, then try again" });
      break;
    case "camera":
      station.setLive({ camera_state: "lost" });
      break;
    case "warnings":
      station.setLive({ missed_parts: [{ camera: "edge-line", parts: 3, counted: 3 }], camera_warnings: [{ camera: "glaze-top", kind: "drift" }, { camera: "edge-line", kind: "flat_field_stale" }] });
      break;
    case "triggers": {
      const settings: TriggerSettingsDto = { ...station.state.triggers, sources: ["key", "on_screen", "pedal", "barcode", "camera_line", "http"], pedal_key: "F13" };
      station.state.triggers = station.gate.set(settings);
      station.setLive({ kept_serial: (station.gate.keptSerial = "WK-2611-A0042") });
      Object.assign(station.gate.count("key"), { taken: 412, bounced: 7, last_at: Date.now() - 61_000 });
      Object.assign(station.gate.count("camera_line"), { taken: 1290, busy: 2, bounced: 1, last_at: Date.now() - 4_000 });
      break;
    }
    case "line":
      station.state.triggers = station.gate.set({ ...station.state.triggers, sources: ["camera_line"] });
      break;
    case "no-gige":
      station.rig.unavailable = [GIGE_MISSING];
      station.rig.devices = station.rig.devices.filter(({ device }) => device.transport !== "gige_vision");
      break;
    case "no-cameras":
      station.rig.cameras = [];
      station.rig.devices = [];
      break;
    case "keyring":
      station.state.secrets = "memory";
      station.secrets = station.secrets.map((secret) => ({ ...secret, backing: "memory", set: false, error: "the keyring is locked: sign in to the desktop or unlock it, then try again" }));
      break;
  }
  // For looking and for tests in a browser.
  Object.assign(window, { fakeStation: station });
  return station;
}
