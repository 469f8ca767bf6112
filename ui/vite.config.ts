import { paraglideVitePlugin } from "@inlang/paraglide-js";
import { svelte } from "@sveltejs/vite-plugin-svelte";
import { svelteTesting } from "@testing-library/svelte/vite";
import { defineConfig } from "vitest/config";

export default defineConfig({
  plugins: [
    paraglideVitePlugin({
      project: "./project.inlang",
      outdir: "./src/paraglide",
      strategy: ["globalVariable", "baseLocale"],
    }),
    svelte(),
    svelteTesting(),
  ],
  clearScreen: false,
  server: { port: 5173, strictPort: true },
  build: {
    target: "safari17",
    // The page's content security policy lets fonts come from files only, not from data: addresses.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  test: {
    environment: "happy-dom",
    setupFiles: ["./src/test-setup.ts"],
    include: ["src/**/*.test.ts"],
    // One world for all files: loading it nine times takes longer than the tests.
    isolate: false,
    // The machine that builds may be busy with the rest of the station.
    testTimeout: 30_000,
  },
});
