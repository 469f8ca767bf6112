import { fireEvent } from "@testing-library/svelte";
import { describe, expect, it } from "vitest";
import type { AuditRowDto, CheckDto, QueuedPartDto } from "../../platform/types";
import { find, get, NOW, openWindow, press, settle } from "../../test-window";

async function openSetup(options = {}) {
  const station = await openWindow(options);
  await press("nav-setup");
  await settle(200);
  return station;
}

describe("the setup", () => {
  it("lists each check with what was seen and what to do", async () => {
    await openSetup();
    expect(get("check-dynamodb").dataset.state).toBe("failed");
    expect(get("check-dynamodb").textContent).toMatch(/AccessDenied.*attach the station policy/);
    expect(get("doctor-summary").textContent).toBe("1 项故障，1 项需注意");
    expect(get("doctor").querySelector("li")).toBe(get("check-dynamodb"));
  });

  it("runs the checks again", async () => {
    const station = await openSetup();
    station.checks = [{ check: "dynamodb", state: "ok", seen: "ACTIVE", remedy: "" }, { check: "new_check", state: "ok", seen: "", remedy: "" }];
    await press("doctor-run");
    await settle(200);
    expect(get("doctor-summary").textContent).toBe("全部正常");
    expect(get("check-new_check").textContent).toContain("new_check");
  });

  it("takes a secret in, keeps none of it, and never shows it", async () => {
    const station = await openSetup();
    await press("credential-edit-azure_api_key");
    const field = get("credential-secret") as HTMLInputElement;
    expect(field.type).toBe("password");
    await fireEvent.input(field, { target: { value: "s3cret-value" } });
    await press("credential-save");
    expect(get("credential-state-azure_api_key").textContent).toBe("已设置");
    expect(find("credential-secret")).toBeNull();
    expect(document.body.innerHTML).not.toContain("s3cret-value");
    expect(station.calls.some(({ command, args }) => command === "setCredentials" && args[0] === "azure_api_key")).toBe(true);
  });

  it("empties the fields also where the keyring refuses, and says what to do", async () => {
    const station = await openSetup();
    station.fail("setCredentials", { code: "keyring_locked", message: "unlock it, then try again" });
    await press("credential-edit-aws_access_key");
    await fireEvent.input(get("credential-key-id"), { target: { value: "AKIAEXAMPLE" } });
    await fireEvent.input(get("credential-secret"), { target: { value: "s3cret-value" } });
    await press("credential-save");
    expect(get("credentials-error").dataset.code).toBe("keyring_locked");
    expect(get("credentials-error").textContent).toContain("unlock it, then try again");
    expect((get("credential-secret") as HTMLInputElement).value).toBe("");
  });

  it("asks twice before it removes a key", async () => {
    const station = await openSetup();
    await press("credential-clear-aws_access_key");
    expect(station.secrets[0]!.set).toBe(true);
    await press("credential-clear-sure-aws_access_key");
    expect(station.secrets[0]!.set).toBe(false);
  });

  it("retries a queue and says how many parts moved", async () => {
    await openSetup({ live: { upload_queue: { waiting: 0, parked: 2, oldest_captured_at: null } } });
    await press("retry-upload");
    expect(get("notice-done").textContent).toContain("件重新排队");
  });

  it("shows a service that is not asked, since when, until when and why", async () => {
    const station = await openSetup();
    expect(find("circuit-s3")).toBeNull();
    const since = NOW - 3_000;
    station.setLive({
      circuits: [
        { service: "s3", state: "open", since, until: since + 5_000, obstacle: "credentials", reason: "the key is expired: set a new one" },
        { service: "dynamodb", state: "closed", since, until: null, obstacle: null, reason: "" },
      ],
    });
    await settle();
    expect(get("circuit-s3").dataset.state).toBe("open");
    expect(get("circuit-s3").textContent).toMatch(/S3 图像 · 暂停访问.*15:59:57.*16:00:02 再试.*set a new one/);
    expect(find("circuit-dynamodb")).toBeNull();
    await settle(5_000);
    expect(get("circuit-s3").textContent, "a moment that has passed").not.toContain("再试");
  });

  it("tells a reason once, with what to do on this page", async () => {
    const station = await openSetup();
    const circuit = (service: "s3" | "dynamodb") => ({ service, state: "open" as const, since: NOW, until: null, obstacle: "credentials" as const, reason: "the key is expired" });
    station.setLive({ cloud: { link: "credentials_refused", reason: "the key is expired" }, circuits: [circuit("s3"), circuit("dynamodb")] });
    await settle();
    expect(get("queues").textContent!.split("the key is expired")).toHaveLength(2);
    expect(get("setup-cloud").textContent).toContain("请在本页“密钥”栏填写新密钥");
    station.setLive({ cloud: { link: "connected", reason: "" } });
    await settle();
    expect(get("circuit-s3").textContent).toContain("the key is expired");
    expect(get("circuit-dynamodb").textContent).not.toContain("the key is expired");
  });

  it("says of a part that is due and whose service is not asked that it waits for that", async () => {
    const station = await openSetup();
    const part: QueuedPartDto = {
      id: "part-1", sequence: 1, captured_at: NOW, product_sku: "WK-KN-200", stage: "blade_glazing", queue: "upload",
      state: "waiting", attempts: 2, due_at: NOW + 60_000, obstacle: "transient", reason: "no network",
    };
    station.troubled = [part];
    station.setLive({ circuits: [{ service: "s3", state: "open", since: NOW, until: null, obstacle: "transient", reason: "no network" }] });
    await settle();
    expect(get("troubled-upload-part-1").textContent).toContain("16:01:00 再试");
    await settle(61_000);
    expect(get("troubled-upload-part-1").textContent).toContain("服务恢复后再试");
    station.setLive({ circuits: [] });
    await settle();
    expect(get("troubled-upload-part-1").textContent).not.toContain("再试");
  });

  it("runs its checks again where a fault comes or goes", async () => {
    const station = await openSetup();
    const runs = () => station.calls.filter(({ command }) => command === "doctor").length;
    expect(runs()).toBe(1);
    station.setLive({ storage_fault: "input/output error" });
    await settle();
    expect(runs()).toBe(2);
    await press("storage-clear");
    await settle();
    expect(runs()).toBe(3);
  });

  it("does not run its checks again for each figure of a disk without room", async () => {
    const station = await openSetup({ live: { no_room: "200 MB are free" } });
    const runs = () => station.calls.filter(({ command }) => command === "doctor").length;
    expect(runs()).toBe(1);
    station.setLive({ no_room: "199 MB are free" });
    await settle(200);
    expect(runs()).toBe(1);
    station.setLive({ no_room: null });
    await settle(200);
    expect(runs()).toBe(2);
  });

  it("keeps what the last run of its checks said, whichever answers last", async () => {
    const station = await openSetup();
    const answers: ((checks: CheckDto[]) => void)[] = [];
    station.doctor = () => new Promise((resolve) => answers.push(resolve));
    station.setLive({ storage_fault: "input/output error" });
    await settle();
    station.setLive({ storage_fault: null });
    await settle();
    expect(answers).toHaveLength(2);
    const said = (seen: string): CheckDto[] => [{ check: "database", state: "ok", seen, remedy: "" }];
    answers[1]!(said("the newer answer"));
    await settle();
    answers[0]!(said("the older answer"));
    await settle();
    expect(get("check-database").textContent).toContain("the newer answer");
    expect(get("doctor-run")).toHaveProperty("disabled", false);
  });

  it("offers no key to change what comes from the environment", async () => {
    const station = await openSetup();
    station.secrets = station.secrets.map((secret) => ({ ...secret, backing: "environment" }));
    await press("nav-history");
    await press("nav-setup");
    await settle();
    expect(get("credential-state-aws_access_key").textContent).toMatch(/设置/);
    expect(find("credential-edit-aws_access_key")).toBeNull();
  });

  it("says so where no part is parked or failing", async () => {
    await openSetup();
    expect(get("troubled-none").textContent).toBe("没有搁置或失败的工件");
  });

  it("lists parked and failing parts with the reason, retries one, and counts the rest", async () => {
    const station = await openSetup();
    const part = (n: number): QueuedPartDto => ({
      id: `part-${n}`, sequence: n, captured_at: Date.UTC(2026, 2, 1), product_sku: "WK-KN-200", stage: "blade_glazing", queue: "upload",
      state: n === 1 ? "parked" : "waiting", attempts: 3, due_at: null, obstacle: "needs_person", reason: `reason ${n}: do this`,
    });
    station.troubled = Array.from({ length: 53 }, (_, n) => part(n + 1));
    station.setLive({ upload_queue: { waiting: 52, parked: 1, oldest_captured_at: null } });
    await settle();
    expect(get("troubled-upload-part-1").dataset.state).toBe("parked");
    expect(get("troubled-upload-part-1").textContent).toMatch(/#1.*搁置，等人处理.*失败 3 次.*需要人工处理.*reason 1: do this/);
    expect(get("troubled-more").textContent).toContain("另有 3 件");
    const key = get("troubled-retry-upload-part-1");
    expect(key.getAttribute("aria-label")).toBe("重试 #1");
    key.focus();
    expect(document.activeElement).toBe(key);
    await press("troubled-retry-upload-part-1");
    await settle();
    expect(station.calls.filter(({ command }) => command === "retryQueue").map(({ args }) => args)).toEqual([["upload", "part-1"]]);
    expect(find("troubled-upload-part-1")).toBeNull();
    expect(get("troubled-total").textContent).toBe("52");
  });

  it("says why the parts cannot be listed", async () => {
    const station = await openSetup();
    station.fail("queuedParts", { code: "storage_fault", message: "input/output error" });
    station.setLive({ upload_queue: { waiting: 1, parked: 0, oldest_captured_at: null } });
    await settle();
    expect(get("troubled-parts").textContent).toContain("input/output error");
  });

  it("shows that the clock was set until a person has seen it", async () => {
    const station = await openSetup({ live: { clock_trouble: { kind: "jumped", shown: 0, by_seconds: -3600, last: null } } });
    expect(get("banner-clock").textContent).toContain("本机时钟被拨慢 1小时");
    expect(get("banner-clock").textContent).toContain("确认前不会按保存期限清理图像");
    await press("clock-dismiss");
    await settle();
    expect(find("banner-clock")).toBeNull();
    expect(station.calls.some(({ command }) => command === "dismissClockTrouble")).toBe(true);
  });

  it("shows the other troubles of the clock in words of their own", async () => {
    const station = await openSetup();
    station.setLive({ clock_trouble: { kind: "behind_records", shown: 0, by_seconds: null, last: Date.UTC(2026, 2, 1, 6) } });
    await settle();
    expect(get("banner-clock").textContent).toContain("2026-03-01 14:00:00");
    station.setLive({ clock_trouble: { kind: "before_program", shown: Date.UTC(2000, 0, 1), by_seconds: null, last: null } });
    await settle();
    expect(get("banner-clock").textContent).toContain("2000-01-01");
  });

  it("says by how much the clock was set in a unit that a person reads", async () => {
    const station = await openSetup();
    await press("language");
    for (const [by_seconds, words] of [[867_600, "set ahead by 10 days"], [-5_400, "set back by 1.5 hours"], [45, "set ahead by 45 seconds"], [-0.4, "set back by 0.4 seconds"]] as const) {
      station.setLive({ clock_trouble: { kind: "jumped", shown: 0, by_seconds, last: null } });
      await settle();
      expect(get("banner-clock").textContent).toContain(words);
    }
  });

  it("warns where secrets are not in the keyring", async () => {
    await openSetup({ station: { secrets: "memory" } });
    expect(get("banner-secrets").textContent).toContain("内存");
  });

  it("says so where nothing is in the audit trail", async () => {
    await openSetup();
    expect(get("audit-empty").textContent).toBe("还没有审计记录");
  });

  it("lists who did what, newest first, and goes on where there is more", async () => {
    const station = await openWindow();
    station.trail = Array.from({ length: 60 }, (_, n): AuditRowDto => ({
      number: 60 - n, at: 1_772_352_000_000, source: "window", category: "operator_decision", identity: "op-7",
      subject: "part", result: n === 0 ? "refused" : "done", detail: "reject", hash: "0".repeat(64),
      signed_by: n === 0 ? null : "ab".repeat(32),
    }));
    await press("nav-setup");
    await settle(200);
    const rows = () => [...get("audit").querySelectorAll("li")].map((row) => row.textContent);
    expect(rows()).toHaveLength(50);
    expect(rows()[0]).toMatch(/人工判定.*op-7 · 窗口.*被拒绝.*#60 · 未签名/s);
    expect(rows()[1]).toMatch(/#59 · 已签名/);
    await press("audit-more");
    await settle(200);
    expect(rows()).toHaveLength(60);
    expect(find("audit-more")).toBeNull();
  });

  it("says why the audit trail cannot be read", async () => {
    const station = await openWindow();
    station.fail("auditTrail", { code: "storage_fault", message: "input/output error" });
    await press("nav-setup");
    await settle(200);
    expect(get("audit-error").textContent).toContain("input/output error");
  });
});
