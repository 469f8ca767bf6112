// What the doctor of the station in memory says.
import type { CheckDto } from "../types";

export function healthyChecks(): CheckDto[] {
  const ok = (check: string, seen: string): CheckDto => ({ check, state: "ok", seen, remedy: "" });
  return [
    ok("data_dir", "~/.local/share/wiko-station"), ok("database", "SQLite 3.51.3, WAL, FULL"),
    ok("disk", "212 GB free"), ok("keyring", "unlocked"), ok("credentials", "AWS key set"),
    ok("camera", "simulated, 29.97 fps"),
    { check: "screen_models", state: "warning", seen: "4 of 6 products have a learnt reference", remedy: "wiko-station screen learn --sku WK-CI-200 --stage blade_glazing IMAGES…" },
    ok("chain", "claude, azure"), ok("claude", "answers in 240 ms"), ok("s3", "wiko-defect-analyzer-images"),
    { check: "dynamodb", state: "failed", seen: "AccessDeniedException on DescribeTable", remedy: "attach the station policy to the key's user, then run again" },
    { check: "clock", state: "ok", seen: "0.2 s off", remedy: "" },
  ];
}
