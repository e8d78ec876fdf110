import { svelte } from "@sveltejs/vite-plugin-svelte";
import { svelteTesting } from "@testing-library/svelte/vite";
import { defineConfig } from "vitest/config";

// One page per window. The gallery (every state from fixtures) is built only for looking at it: `npm run gallery`.
export default defineConfig(({ mode }) => ({
  plugins: [svelte(), svelteTesting()],
  build: {
    target: "safari17",
    outDir: mode === "gallery" ? "dist-gallery" : "dist",
    modulePreload: false,
    assetsInlineLimit: 0,
    rollupOptions: { input: mode === "gallery" ? ["gallery.html"] : ["prompt.html", "main.html"] },
  },
  test: {
    environment: "jsdom",
    setupFiles: ["src/test/setup.ts"],
    include: ["src/**/*.test.ts"],
    // Busy machines are slow; a hang is still found.
    testTimeout: 120_000,
  },
}));
