import { fireEvent, screen } from "@testing-library/svelte";
import { describe, expect, it } from "vitest";
import { find, get, key, openWindow, press, settle } from "../../test-window";
import { GOOD, RUST_AND_SCRATCH, UNSURE } from "../../platform/fake/scenes";
import { ERROR_CODES } from "../../platform/codes";
import zh from "../../../messages/zh-CN.json";

const captures = (station: { calls: { command: string }[] }) =>
  station.calls.filter(({ command }) => command === "triggerCapture").length;
const verdict = () => get("banner").dataset.verdict;
const phase = () => get("banner").dataset.phase;

describe("inspecting a part", () => {
  it("goes from Space to captured, to screened, to the verdict with its boxes", async () => {
    await openWindow({ scenes: [RUST_AND_SCRATCH] });
    expect(phase()).toBe("ready");
    await key("Space");
    expect(phase()).toBe("capturing");
    await settle(20);
    expect([verdict(), phase()]).toEqual(["pending", "captured"]);
    expect(get("banner").textContent).toContain("已保存");
    await settle(100);
    expect([verdict(), phase()]).toEqual(["pending", "screened"]);
    await settle(1000);
    expect([verdict(), phase()]).toEqual(["fail", "decided"]);
    expect(get("banner").textContent).toContain("不合格");
    const box = get("box-1");
    expect([box.dataset.x, box.dataset.y, box.dataset.width, box.dataset.height]).toEqual(["520", "470", "150", "120"]);
    expect(get("finding-1").textContent).toMatch(/锈斑.*致命.*94%.*刀面.*报废/);
    expect(get("recent-0").dataset.verdict).toBe("fail");
  });

  it("takes a held or bouncing key as one press", async () => {
    const station = await openWindow();
    await key("Space");
    await key("Space", true);
    await settle(100);
    await key("Space");
    expect(captures(station)).toBe(1);
    await settle(400);
    await key("Space");
    expect(captures(station)).toBe(2);
  });

  it("does not take Enter on the trigger", async () => {
    const station = await openWindow();
    const taken = await fireEvent.keyDown(get("trigger"), { key: "Enter", code: "Enter" });
    expect(taken).toBe(false);
    expect(captures(station)).toBe(0);
  });

  it("shows pending with its reason, hatched and never as good, while the network is away", async () => {
    const station = await openWindow({ scenes: [GOOD] });
    station.offline = true;
    await press("trigger");
    for (const ms of [20, 100, 1000, 60_000]) {
      await settle(ms);
      expect(verdict()).toBe("pending");
      expect(get("banner").classList.contains("pending")).toBe(true);
      expect(get("banner").classList.contains("pass")).toBe(false);
      expect(get("banner").querySelector("[data-shape]")?.getAttribute("data-shape")).toBe("pending");
      expect(get("recent-0").dataset.verdict).toBe("pending");
    }
    expect(phase()).toBe("delayed");
    expect(get("banner").textContent).toMatch(/待定.*不得放行.*恢复后自动重试/);
    expect(get("confirm")).toHaveProperty("disabled", true);
  });

  it("shows undetermined as neither good nor bad, with the reason", async () => {
    await openWindow({ scenes: [UNSURE] });
    await press("trigger");
    await settle(1200);
    expect(verdict()).toBe("undetermined");
    expect([...get("banner").classList]).not.toContain("pass");
    expect(get("banner").textContent).toContain("分析者不能确定");
  });

  it("shows a pass as green circle and word", async () => {
    await openWindow({ scenes: [GOOD] });
    await press("trigger");
    await settle(1200);
    expect(verdict()).toBe("pass");
    expect(get("banner").querySelector("[data-shape]")?.getAttribute("data-shape")).toBe("pass");
    expect(get("findings-empty").textContent).toBe("没有检出");
  });

  it("returns to the live picture on Escape", async () => {
    await openWindow({ scenes: [GOOD] });
    await press("trigger");
    await settle(1200);
    expect(find("part-picture")).toBeTruthy();
    await key("Escape");
    expect(find("part-picture")).toBeNull();
    expect(phase()).toBe("ready");
  });

  it("tells of a verdict that comes when the part has left the screen", async () => {
    await openWindow({ scenes: [RUST_AND_SCRATCH] });
    await press("trigger");
    await settle(100);
    await key("Escape");
    await settle(1100);
    expect(verdict()).toBe("ready");
    expect(get("notice-late").textContent).toContain("不合格");
  });

  it("keeps capture shut while the storage is at fault, and says why", async () => {
    const station = await openWindow({ live: { storage_fault: "the disk is full" } });
    expect(get("trigger")).toHaveProperty("disabled", true);
    expect(get("trigger-hint").textContent).toContain("存储故障");
    expect(verdict()).toBe("stopped");
    await key("Space");
    expect(captures(station)).toBe(0);
    await press("storage-clear");
    expect(get("trigger")).toHaveProperty("disabled", false);
  });

  it("offers an operator no key to clear a fault, and no other page", async () => {
    await openWindow({
      live: { storage_fault: "the disk is full" },
      station: { session: { role: "operator", operator: "op-7", demo: false, language: "zh-CN" } },
    });
    expect(find("storage-clear")).toBeNull();
    expect([find("nav-history"), find("nav-setup"), find("banner-demo")]).toEqual([null, null, null]);
  });

  it.each(["lost", "ended", "opening"] as const)("keeps capture shut while the camera is %s", async (state) => {
    await openWindow({ live: { camera_state: state } });
    expect(get("trigger")).toHaveProperty("disabled", true);
  });

  it("names every failure where the verdict would stand, with what to do", async () => {
    const station = await openWindow();
    for (const code of ERROR_CODES) {
      station.fail("triggerCapture", { code, message: `what to do about ${code}` });
      await press("trigger");
      await settle(400);
      expect([verdict(), phase()]).toEqual(["stopped", "refused"]);
      expect(get("banner").textContent).toContain((zh as Record<string, string>)[`error_${code}`]);
      expect(get("banner").textContent).toContain(`what to do about ${code}`);
    }
  });
});

describe("the operator's call", () => {
  async function decided() {
    const station = await openWindow({ scenes: [RUST_AND_SCRATCH] });
    await press("trigger");
    await settle(1200);
    return station;
  }

  it("confirms with F5", async () => {
    const station = await decided();
    await key("F5");
    expect(station.calls.find(({ command }) => command === "operatorDecide")?.args).toEqual([
      { id: station.parts[0]!.id, call: "confirm", reason: null },
    ]);
    expect(get("operator-call").dataset.call).toBe("confirm");
  });

  it("needs a reason to override, and leaves the machine's verdict in its place", async () => {
    const station = await decided();
    await key("F8");
    expect(get("override-apply")).toHaveProperty("disabled", true);
    await press("reason-reflection");
    await press("override-apply");
    expect(station.parts[0]!.operator_decisions.at(-1)).toMatchObject({ call: "accept", reason: "reflection" });
    expect(find("override-dialog")).toBeNull();
    expect(verdict()).toBe("fail");
    expect(get("operator-call").textContent).toContain("判为合格");
  });

  it("does not capture by Space while a dialog is open", async () => {
    const station = await decided();
    await key("F8");
    await key("Space");
    expect(captures(station)).toBe(1);
    await key("F9");
    expect(find("override-dialog")).toBeNull();
  });

  it("says so when it was not recorded", async () => {
    const station = await decided();
    station.fail("operatorDecide", { code: "read_only", message: "check the disk" });
    await key("F5");
    expect(get("notice-failed").dataset.code).toBe("read_only");
    expect(find("operator-call")).toBeNull();
  });
});

describe("the window", () => {
  it("switches its language at once and tells the station", async () => {
    const station = await openWindow();
    expect(get("nav-inspect").textContent).toContain("检测");
    await press("language");
    expect(get("nav-inspect").textContent).toContain("Inspect");
    expect(document.documentElement.lang).toBe("en");
    expect(station.calls.some(({ command, args }) => command === "setLanguage" && args[0] === "en")).toBe(true);
  });

  it("counts the shift", async () => {
    const station = await openWindow({ scenes: [GOOD] });
    const before = Number(get("tally-inspected").textContent);
    await press("trigger");
    await settle(50);
    expect(Number(get("tally-inspected").textContent)).toBe(before + 1);
    station.setLive({ tally: { inspected: 10, pass: 6, fail: 1, undetermined: 1, pending: 2, yield_ratio: 0.75 } });
    await settle();
    expect(["inspected", "pass", "fail", "undetermined", "pending", "yield"].map((name) => get(`tally-${name}`).textContent)).toEqual(
      ["10", "6", "1", "1", "2", "75.0%"],
    );
  });

  it("changes the order in a dialog", async () => {
    const station = await openWindow();
    await press("order");
    await press("sku-WK-KN-150");
    await press("stage-logo_print");
    await fireEvent.input(get("order-lot"), { target: { value: " L2603-09 " } });
    await press("order-apply");
    expect(station.state.order).toEqual({ product_sku: "WK-KN-150", stage: "logo_print", lot: "L2603-09" });
    expect(find("order-dialog")).toBeNull();
    expect(get("order").textContent).toContain("商标印刷");
  });

  it("opens one of the last ten parts", async () => {
    const station = await openWindow();
    await press("recent-2");
    expect(get("shown-part").dataset.id).toBe(station.parts[2]!.id);
  });

  it("offers to try again where the station does not answer", async () => {
    const { FakeStation } = await import("../../platform/fake/station");
    const { render } = await import("@testing-library/svelte");
    const { default: App } = await import("../../App.svelte");
    const station = new FakeStation({ history: 0 });
    station.fail("station", { code: "internal", message: "the database is locked" });
    render(App, { platform: station });
    expect((await screen.findByTestId("load-error")).textContent).toContain("the database is locked");
    await fireEvent.click(screen.getByRole("button"));
    expect(await screen.findByTestId("trigger")).toBeTruthy();
  });
});
