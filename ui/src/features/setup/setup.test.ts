import { fireEvent } from "@testing-library/svelte";
import { describe, expect, it } from "vitest";
import type { AuditRowDto, QueuedPartDto } from "../../platform/types";
import { find, get, openWindow, press, settle } from "../../test-window";

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
    const since = Date.UTC(2026, 2, 1, 6, 3, 27);
    station.setLive({
      circuits: [
        { service: "s3", state: "open", since, until: since + 5_000, obstacle: "credentials", reason: "the key is expired: set a new one" },
        { service: "dynamodb", state: "closed", since, until: null, obstacle: null, reason: "" },
      ],
    });
    await settle();
    expect(get("circuit-s3").dataset.state).toBe("open");
    expect(get("circuit-s3").textContent).toMatch(/S3 图像 · 暂停访问.*14:03:27.*14:03:32 再试.*set a new one/);
    expect(find("circuit-dynamodb")).toBeNull();
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
    expect(get("banner-clock").textContent).toContain("−3,600 秒");
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
