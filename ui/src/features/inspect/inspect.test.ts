import { fireEvent, screen } from "@testing-library/svelte";
import { describe, expect, it } from "vitest";
import { find, get, key, openWindow, press, settle } from "../../test-window";
import { GOOD, GOOD_AFTER_DOUBT, GOOD_BY_SCREEN, RUST_AND_SCRATCH, UNSURE } from "../../platform/fake/scenes";
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
    const before = station.parts.length;
    await key("Space");
    await key("Space", true);
    await settle(100);
    await key("Space");
    expect(captures(station), "the station is told of each press but the repeats").toBe(2);
    expect(station.parts.length - before).toBe(1);
    expect(phase(), "a bounce takes nothing off the screen").toBe("captured");
    expect(find("notice-brief")).toBeNull();
    await settle(400);
    await key("Space");
    await settle(100);
    expect(station.parts.length - before).toBe(2);
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

  it("says who judged, and that a pass is the local screen's alone", async () => {
    await openWindow({ scenes: [GOOD, GOOD_BY_SCREEN, UNSURE] });
    await press("trigger");
    await settle(200);
    expect(find("judged-by")).toBeNull();
    await settle(1000);
    expect(get("judged-by").textContent).toMatch(/判定者.*Claude/);
    expect(get("banner").textContent).not.toContain("仅本机初筛");
    await press("trigger");
    await settle(1200);
    expect(get("judged-by").dataset.provider).toBe("screen");
    expect(get("judged-by").textContent).toContain("本机初筛");
    expect(get("banner").textContent).toContain("仅本机初筛判定");
    await press("trigger");
    await settle(1200);
    expect([verdict(), get("judged-by").dataset.provider]).toEqual(["undetermined", "claude"]);
  });

  it("asks for a look where the local screen marked what Claude calls good", async () => {
    await openWindow({ scenes: [GOOD_AFTER_DOUBT, GOOD] });
    await press("trigger");
    await settle(1200);
    expect(verdict()).toBe("pass");
    expect(get("screen-doubts").textContent).toContain("初筛标出 2 处");
    expect(get("box-2").getAttribute("stroke-dasharray")).toBe("6 6");
    expect(screen.getByText("本机初筛，与判定不符")).toBeTruthy();
    await press("nav-history");
    await settle(20);
    await fireEvent.click(screen.getAllByTestId("history-row")[0]!);
    await settle();
    expect(get("part-doubts").textContent).toContain("初筛标出 2 处");
    expect(get("box-2").getAttribute("stroke-dasharray")).toBe("6 6");
    await press("nav-inspect");
    await press("trigger");
    await settle(1200);
    expect([verdict(), find("screen-doubts"), find("box-1")]).toEqual(["pass", null, null]);
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

  it("leaves the newest part on the screen when the verdict of an older one comes late", async () => {
    const station = await openWindow({ scenes: [GOOD, RUST_AND_SCRATCH], delaysMs: { capture: 20, screen: 100, decide: 1000 } });
    await press("trigger");
    await settle(400);
    await press("trigger");
    await settle(100);
    const [newer, older] = station.parts;
    expect(get("shown-part").dataset.id).toBe(newer!.id);
    // The older one is found good; the newer one is not judged yet, and must not look so.
    await settle(700);
    expect(older!.verdict.code).toBe("pass");
    expect(get("shown-part").dataset.id).toBe(newer!.id);
    expect([verdict(), get("banner").classList.contains("pass")]).toEqual(["pending", false]);
    expect([get("recent-0").dataset.id, get("recent-0").dataset.verdict]).toEqual([newer!.id, "pending"]);
    expect([get("recent-1").dataset.id, get("recent-1").dataset.verdict]).toEqual([older!.id, "pass"]);
    await settle(500);
    expect([verdict(), get("shown-part").dataset.id]).toEqual(["fail", newer!.id]);
    expect([get("recent-0").dataset.verdict, get("recent-1").dataset.verdict]).toEqual(["fail", "pass"]);
  });

  it("counts late verdicts in one notice and opens the history of that verdict", async () => {
    const station = await openWindow({ history: 20 });
    const late = station.parts.slice(0, 7);
    for (const part of late) {
      const code = part.sequence % 2 ? "undetermined" : "fail";
      station.emit({ kind: "decided", id: part.id, verdict: { code, reason: null, obstacle: null, detail: "", decided_at: 1 }, analysis: null });
    }
    await settle();
    const notices = screen.getAllByTestId("notice-late");
    expect(notices).toHaveLength(2);
    const counts = Object.fromEntries(notices.map(({ dataset }) => [dataset.verdict, Number(dataset.count)]));
    expect(counts.fail! + counts.undetermined!).toBe(7);
    const fails = notices.find(({ dataset }) => dataset.verdict === "fail")!;
    for (const part of late.filter(({ sequence }) => sequence % 2 === 0)) expect(fails.textContent).toContain(String(part.sequence));
    await fireEvent.click(fails.querySelector('[data-testid="notice-link"]')!);
    await settle(20);
    expect(get("history")).toBeTruthy();
    expect(get("filter-verdict-fail").getAttribute("aria-pressed")).toBe("true");
    expect(screen.getAllByTestId("notice-late")).toHaveLength(1);
  });

  it("reads the station again where updates were lost, and tells of the verdicts in between", async () => {
    const station = await openWindow({ scenes: [RUST_AND_SCRATCH, RUST_AND_SCRATCH] });
    const { emit } = station;
    await press("trigger");
    await settle(400);
    await press("trigger");
    await settle(50);
    station.emit = () => {};
    station.state.live.storage_fault = "the disk is full";
    await settle(1500);
    expect([verdict(), get("recent-1").dataset.verdict]).toEqual(["pending", "pending"]);
    station.emit = emit;
    station.emit({ kind: "reload" });
    await settle();
    expect([verdict(), get("recent-0").dataset.verdict, get("recent-1").dataset.verdict]).toEqual(["fail", "fail", "fail"]);
    expect(get("banner-storage").textContent).toContain("the disk is full");
    expect(get("notice-late").dataset.count).toBe("1");
    expect(get("notice-late").textContent).toContain(String(station.parts[1]!.sequence));
    expect(get("notice-missed").textContent).toContain("请在历史中核对");
  });

  it("tells of a backup that failed, without stopping anything", async () => {
    await openWindow({ live: { backup_failed: "/mnt/backup is not mounted" } });
    expect(get("banner-backup").textContent).toContain("/mnt/backup is not mounted");
    expect(find("banner-storage")).toBeNull();
  });

  it("keeps capture shut while there is no room on the disk, until there is some", async () => {
    const station = await openWindow({ live: { no_room: "200 MB are free, and 256 MB are kept free" } });
    expect(get("banner-room").textContent).toContain("256 MB are kept free");
    expect(get("trigger")).toHaveProperty("disabled", true);
    expect(get("trigger-hint").textContent).toContain("磁盘空间不足");
    station.setLive({ no_room: null });
    await settle();
    expect(find("banner-room")).toBeNull();
    expect(get("trigger")).toHaveProperty("disabled", false);
  });

  it("keeps capture shut while the storage is at fault, and says why", async () => {
    const station = await openWindow({ live: { storage_fault: "the disk is full" } });
    expect(get("trigger")).toHaveProperty("disabled", true);
    expect(get("trigger-hint").textContent).toContain("存储故障");
    expect(verdict()).toBe("stopped");
    await key("Space");
    expect(captures(station)).toBe(0);
    station.fail("clearStorageFault", { code: "storage_fault", message: "input/output error" });
    await press("storage-clear");
    expect(get("storage-stands").textContent).toBe("故障未清除。");
    expect(get("banner-storage").textContent, "what to do stays").toContain("请班长检查磁盘后清除故障");
    expect(get("notice-failed").textContent).toContain("未完成：存储故障");
    expect(get("trigger")).toHaveProperty("disabled", true);
    await press("storage-clear");
    expect(get("trigger")).toHaveProperty("disabled", false);
    expect(find("notice-failed")).toBeNull();
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
      // These two refuse a press, not a part.
      if (code === "trigger_bounce" || code === "trigger_busy") continue;
      station.fail("triggerCapture", { code, message: `what to do about ${code}` });
      await press("trigger");
      await settle(400);
      expect([verdict(), phase()]).toEqual(["stopped", "refused"]);
      expect(get("banner").textContent).toContain((zh as Record<string, string>)[`error_${code}`]);
      // No fault is latched here, so there is none to be cleared.
      const todo = code === "storage_fault" ? "" : ((zh as Record<string, string>)[`error_todo_${code}`] ?? "");
      expect(get("banner").textContent).toContain(todo);
      expect(get("banner-technical").textContent).toBe(`what to do about ${code}`);
    }
  });

  it("asks for a fault to be cleared only where one is latched", async () => {
    const station = await openWindow();
    const refused = async () => {
      station.fail("triggerCapture", { code: "storage_fault", message: "the database did not answer" });
      await press("trigger");
      await settle(400);
      return get("banner").textContent;
    };
    const todo = zh.error_todo_storage_fault;
    const unlatched = await refused();
    expect(unlatched).not.toContain(todo);
    expect(unlatched).toContain("the database did not answer");
    station.setLive({ storage_fault: "the database did not answer" });
    await settle();
    expect(get("banner").textContent).toContain(todo);
    expect(get("banner-technical").textContent).toBe("the database did not answer");
  });

  it("takes the part before off the screen when the next is refused", async () => {
    const station = await openWindow();
    await press("trigger");
    await settle(1200);
    expect(get("shown-part").textContent).toContain("#");
    station.fail("triggerCapture", { code: "disk_full", message: "the disk is full" });
    await key("Space");
    await settle(400);
    expect([verdict(), phase()]).toEqual(["stopped", "refused"]);
    expect(find("shown-part")).toBeNull();
    expect(get("confirm")).toHaveProperty("disabled", true);
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
    expect(station.parts[0]!.verdict.code).toBe("fail");
    expect(verdict()).toBe("accepted");
    expect([...get("banner").classList]).not.toContain("pass");
    expect(get("banner").textContent).toMatch(/人工放行.*反光.*机器判定：不合格/);
    expect(get("operator-call").textContent).toContain("判为合格");
  });

  async function rejectShown() {
    await key("F8");
    await press("override-reject");
    await press("reason-missed_defect");
    await press("override-apply");
  }

  it("takes the green off a pass that a person rejects, in banner, strip, history and count", async () => {
    const station = await openWindow({ scenes: [GOOD], history: 0 });
    await press("trigger");
    await settle(1200);
    expect([verdict(), get("tally-pass").textContent]).toEqual(["pass", "1"]);
    await rejectShown();
    expect(station.parts[0]!.verdict.code).toBe("pass");
    expect(verdict()).toBe("rejected");
    expect([...get("banner").classList]).not.toContain("pass");
    expect(get("banner").querySelector("[data-shape]")?.getAttribute("data-shape")).toBe("rejected");
    expect(get("banner").textContent).toMatch(/人工判退.*漏检缺陷.*机器判定：合格/);
    expect(get("recent-0").dataset.verdict).toBe("rejected");
    expect(get("recent-0").textContent).toContain("判退");
    expect(["pass", "fail", "yield"].map((name) => get(`tally-${name}`).textContent)).toEqual(["0", "1", "0.0%"]);
    await press("nav-history");
    await settle(20);
    const row = get("history-row");
    expect(row.dataset.verdict).toBe("rejected");
    expect(row.textContent).toMatch(/人工判退.*机器判定：合格/);
    expect(row.querySelector('[data-shape="pass"]')).toBeNull();
    await fireEvent.click(row);
    await settle();
    expect(get("part-verdict").dataset.verdict).toBe("rejected");
    expect([...get("part-verdict").classList]).not.toContain("pass");
  });

  it("falls on the part for which the dialog was opened, whatever is shown by then", async () => {
    const station = await openWindow({ scenes: [GOOD, RUST_AND_SCRATCH] });
    await press("trigger");
    await settle(1200);
    const first = station.parts[0]!;
    await key("F8");
    // Another part comes in while the dialog is open.
    void station.triggerCapture("key");
    await settle(50);
    expect(get("shown-part").dataset.id).toBe(station.parts[0]!.id);
    expect(get("shown-part").dataset.id).not.toBe(first.id);
    expect(get("override-dialog").textContent).toContain(`第 ${first.sequence} 号件`);
    expect(get("override-dialog").querySelector(".machine")?.textContent).toContain("合格");
    await press("reason-missed_defect");
    await press("override-apply");
    expect(first.operator_decisions.at(-1)).toMatchObject({ call: "reject" });
    expect(station.parts[0]!.operator_decisions).toEqual([]);
  });

  it("is not taken while the next part is being captured", async () => {
    const station = await openWindow({ scenes: [RUST_AND_SCRATCH], delaysMs: { capture: 500, screen: 100, decide: 100 } });
    await press("trigger");
    await settle(1000);
    expect(verdict()).toBe("fail");
    await press("trigger");
    await settle(100);
    for (const code of ["F5", "F8"]) await key(code);
    expect(get("confirm")).toHaveProperty("disabled", true);
    expect(get("override")).toHaveProperty("disabled", true);
    expect(find("override-dialog")).toBeNull();
    await settle(1000);
    expect(station.calls.filter(({ command }) => command === "operatorDecide")).toEqual([]);
    await key("F8");
    expect(find("override-dialog")).toBeTruthy();
  });

  it("can reject a part that nobody has judged, and cannot release it", async () => {
    const station = await openWindow({ scenes: [GOOD] });
    station.offline = true;
    await press("trigger");
    await settle(1200);
    await key("F8");
    expect(get("override-accept")).toHaveProperty("disabled", true);
    expect(get("override-not-judged").textContent).toContain("只能判退");
    await press("reason-missed_defect");
    await press("override-apply");
    expect(verdict()).toBe("rejected");
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
