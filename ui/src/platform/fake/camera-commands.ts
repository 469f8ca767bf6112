// What the window asks of the cameras in memory: each call is noted, and fails where a test wants it to.
import {
  type AssignCameraForm, type CalibrateForm, type CommandError, type FlatFieldStep, type LineScanDto, type Platform, type QualityLimits,
  type RegionForm, type SetFeatureForm, StationError,
} from "../types";
import { FakeCameras } from "./cameras";

export type Command = Exclude<keyof Platform, "onUpdate" | "openPreview" | "imageUrl" | "thumbUrl" | "copyText">;

export class FakeCameraCommands {
  readonly calls: { command: Command; args: unknown[] }[] = [];
  /** The cameras, and what can be found. */
  readonly rig: FakeCameras;
  #errors = new Map<Command, CommandError>();

  constructor(now: () => number) {
    this.rig = new FakeCameras(now);
  }

  /** The next call of `command` fails with `error`. */
  fail(command: Command, error: CommandError) {
    this.#errors.set(command, error);
  }

  async cameras() {
    this.called("cameras");
    return this.rig.list();
  }
  async findCameras() {
    this.called("findCameras");
    await this.wait(this.rig.searchMs);
    return this.rig.found();
  }
  async assignCamera(form: AssignCameraForm) {
    this.called("assignCamera", form);
    this.rig.assign(form);
  }
  async removeCamera(camera: string) {
    this.called("removeCamera", camera);
    this.rig.remove(camera);
  }
  async cameraFeatures(camera: string) {
    this.called("cameraFeatures", camera);
    return this.rig.features(camera);
  }
  async setCameraFeature(form: SetFeatureForm) {
    this.called("setCameraFeature", form);
    return this.rig.set(form);
  }
  async setCameraRegion(form: RegionForm) {
    this.called("setCameraRegion", form);
    return this.rig.setRegion(form);
  }
  async setLineScan(camera: string, lineScan: LineScanDto) {
    this.called("setLineScan", camera, lineScan);
    this.rig.setLineScan(camera, lineScan);
  }
  async cameraLiveAids(camera: string) {
    this.called("cameraLiveAids", camera);
    return this.rig.aids(camera);
  }
  async calibrateCamera(camera: string, form: CalibrateForm) {
    this.called("calibrateCamera", camera, form);
    return this.rig.calibrate(camera, form);
  }
  async takeFlatField(camera: string, step: FlatFieldStep) {
    this.called("takeFlatField", camera, step);
    await this.wait(this.rig.searchMs);
    return this.rig.flatField(camera, step);
  }
  async clearFlatField(camera: string) {
    this.called("clearFlatField", camera);
    return this.rig.clearFlatField(camera);
  }
  async balanceWhite(camera: string) {
    this.called("balanceWhite", camera);
    return this.rig.balanceWhite(camera);
  }
  async takeQualityReference(camera: string) {
    this.called("takeQualityReference", camera);
    return this.rig.reference(camera);
  }
  async setQualityLimits(camera: string, limits: QualityLimits) {
    this.called("setQualityLimits", camera, limits);
    return this.rig.setLimits(camera, limits);
  }
  async testShot(camera: string) {
    this.called("testShot", camera);
    return this.rig.testShot(camera);
  }
  async exportCameraSettings(camera: string) {
    this.called("exportCameraSettings", camera);
    return this.rig.export(camera);
  }
  async importCameraSettings(camera: string, text: string) {
    this.called("importCameraSettings", camera, text);
    return this.rig.import(camera, text);
  }
  async cameraQualityHistory(camera: string) {
    this.called("cameraQualityHistory", camera);
    return this.rig.history(camera);
  }

  protected called(command: Command, ...args: unknown[]) {
    this.calls.push({ command, args });
    const error = this.#errors.get(command);
    if (error) {
      this.#errors.delete(command);
      throw new StationError(error);
    }
  }

  protected wait(ms: number) {
    return new Promise<void>((done) => setTimeout(done, ms));
  }
}
