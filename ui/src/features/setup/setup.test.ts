import { fireEvent } from "@testing-library/svelte";
import { describe, expect, it } from "vitest";
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

  it("warns where secrets are not in the keyring", async () => {
    await openSetup({ station: { secrets: "memory" } });
    expect(get("banner-secrets").textContent).toContain("内存");
  });
});
