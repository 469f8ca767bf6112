// The real station, over Tauri.
import { convertFileSrc } from "@tauri-apps/api/core";
import { commands, events } from "../bindings.gen";
import { openPreviewSocket } from "./preview";
import { type CommandError, type Platform, StationError } from "./types";

type Reply<T> = { status: "ok"; data: T } | { status: "error"; error: CommandError };

async function unwrap<T>(reply: Promise<Reply<T>>): Promise<T> {
  let settled: Reply<T>;
  try {
    settled = await reply;
  } catch (thrown) {
    throw StationError.of(thrown);
  }
  if (settled.status === "error") throw new StationError(settled.error);
  return settled.data;
}

/** The station behind this window. */
export function tauriPlatform(): Platform {
  return {
    station: () => unwrap(commands.station()),
    windowReady: async () => void (await unwrap(commands.windowReady())),
    setOrder: (order) => unwrap(commands.setOrder(order)),
    setLanguage: async (language) => void (await unwrap(commands.setLanguage(language))),
    triggerCapture: (source) => unwrap(commands.triggerCapture(source)),
    scan: (text) => unwrap(commands.scan(text)),
    forgetSerial: async () => void (await unwrap(commands.forgetSerial())),
    triggers: () => unwrap(commands.triggers()),
    setTriggers: (settings) => unwrap(commands.setTriggers(settings)),
    operatorDecide: (form) => unwrap(commands.operatorDecide(form)),
    historyPage: (query) => unwrap(commands.historyPage(query)),
    inspection: (id) => unwrap(commands.inspection(id)),
    retryQueue: (queue, id) => unwrap(commands.retryQueue(queue, id)),
    auditTrail: (before) => unwrap(commands.auditTrail(before)),
    queuedParts: () => unwrap(commands.queuedParts()),
    containedParts: () => unwrap(commands.containedParts()),
    acknowledgeContained: (id, note) => unwrap(commands.acknowledgeContained(id, note)),
    spending: () => unwrap(commands.spending()),
    foundMissedParts: (camera, counted) => unwrap(commands.foundMissedParts(camera, counted)),
    dismissClockTrouble: async () => void (await unwrap(commands.dismissClockTrouble())),
    clearStorageFault: async () => void (await unwrap(commands.clearStorageFault())),
    doctor: () => unwrap(commands.doctor()),
    cameras: () => unwrap(commands.cameras()),
    findCameras: () => unwrap(commands.findCameras()),
    assignCamera: async (form) => void (await unwrap(commands.assignCamera(form))),
    removeCamera: async (camera) => void (await unwrap(commands.removeCamera(camera))),
    cameraFeatures: (camera) => unwrap(commands.cameraFeatures(camera)),
    setCameraFeature: (form) => unwrap(commands.setCameraFeature(form)),
    setCameraRegion: (form) => unwrap(commands.setCameraRegion(form)),
    setLineScan: async (camera, lineScan) => void (await unwrap(commands.setLineScan(camera, lineScan))),
    cameraLiveAids: (camera) => unwrap(commands.cameraLiveAids(camera)),
    calibrateCamera: (camera, form) => unwrap(commands.calibrateCamera(camera, form)),
    takeFlatField: (camera, step) => unwrap(commands.takeFlatField(camera, step)),
    clearFlatField: (camera) => unwrap(commands.clearFlatField(camera)),
    balanceWhite: (camera) => unwrap(commands.balanceWhite(camera)),
    takeQualityReference: (camera) => unwrap(commands.takeQualityReference(camera)),
    setQualityLimits: (camera, limits) => unwrap(commands.setQualityLimits(camera, limits)),
    testShot: (camera) => unwrap(commands.testShot(camera)),
    exportCameraSettings: (camera) => unwrap(commands.exportCameraSettings(camera)),
    importCameraSettings: (camera, text) => unwrap(commands.importCameraSettings(camera, text)),
    cameraQualityHistory: (camera) => unwrap(commands.cameraQualityHistory(camera)),
    credentials: () => unwrap(commands.credentials()),
    setCredentials: async (form) => void (await unwrap(commands.setCredentials(form))),
    clearCredentials: async (name) => void (await unwrap(commands.clearCredentials(name))),
    onUpdate: (callback) => events.stationUpdate.listen((event) => callback(event.payload)),
    openPreview: openPreviewSocket,
    imageUrl: (id) => convertFileSrc(id, "wiko-image"),
    thumbUrl: (id) => `${convertFileSrc(id, "wiko-image")}/thumb`,
    copyText: (text) => navigator.clipboard.writeText(text),
  };
}
