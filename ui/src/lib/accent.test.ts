import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { colours, pairs, ratio } from "../../scripts/pairs.mjs";
import { apply, derive, INK_BLUE, MEANT } from "./accent";
import { chromaAndHue, fromHex } from "./oklch";

const ours = colours(readFileSync("src/styles/tokens.css", "utf8"));
const accent = (hex: string) => {
  const byte = (at: number) => parseInt(hex.slice(at, at + 2), 16);
  return { r: byte(1), g: byte(3), b: byte(5) };
};
const degrees = (hex: string) => (chromaAndHue(fromHex(hex)).hue * 180) / Math.PI;
const apart = (a: string, b: string) => {
  const turn = Math.abs(degrees(a) - degrees(b));
  return Math.min(turn, 360 - turn);
};

/** Colours from all over sRGB. */
function* many() {
  for (let r = 0; r < 256; r += 17)
    for (let g = 0; g < 256; g += 17) for (let b = 0; b < 256; b += 17) yield { r, g, b };
}

test("what ours is turned from, and kept away from, is what the stylesheet has", () => {
  expect(ours).toMatchObject({ ...INK_BLUE, ...MEANT });
  expect(Object.keys(INK_BLUE)).toEqual(
    Object.keys(ours).filter((name) => name === "accent" || name.startsWith("accent-")),
  );
});

test("our own blue stays what it is", () => {
  expect(derive(accent("#1a5fb4"))?.["accent"]?.[0]).toBe("#1a5fb4");
});

test("every pair keeps its contrast with any accent, and none looks like danger or success", () => {
  const touched = pairs.filter(([front, behind]) => front in INK_BLUE || behind in INK_BLUE);
  const wrong: string[] = [];
  let taken = 0;
  for (const from of many()) {
    const derived = derive(from);
    if (!derived) continue;
    taken += 1;
    const page = { ...ours, ...derived };
    for (const at of [0, 1] as const) {
      for (const [front, behind, least] of touched) {
        const contrast = ratio(page[front]?.[at] ?? "", page[behind]?.[at] ?? "");
        if (!(contrast >= least)) wrong.push(`${JSON.stringify(from)}: ${front} on ${behind} ${contrast}`);
      }
      for (const meant of Object.values(MEANT).flat())
        if (apart(page["accent"]?.[at] ?? "", meant) < 18) wrong.push(`${JSON.stringify(from)}: as ${meant}`);
    }
  }
  expect(wrong).toEqual([]);
  expect(taken).toBeGreaterThan(2000);
});

test("what a desktop offers is followed in hue", () => {
  for (const hex of ["#3584e4", "#2190a4", "#c88800", "#d56199", "#9141ac"])
    for (const colour of derive(accent(hex))?.["accent"] ?? ["nothing"])
      expect(apart(colour, hex), `${hex} became ${colour}`).toBeLessThan(3);
});

test("red, orange, green and grey are not taken", () => {
  for (const hex of ["#e62d42", "#ed5b00", "#3a944a", "#6f8396", "#000000", "#ffffff", "#808080"])
    expect(derive(accent(hex)), hex).toBeNull();
});

test("an accent is put on the page, and ours put back", () => {
  const { style } = document.documentElement;
  const shown = () => Object.keys(INK_BLUE).map((name) => style.getPropertyValue(`--c-${name}`));
  apply(accent("#9141ac"));
  for (const value of shown()) expect(value).toMatch(/^light-dark\(#[0-9a-f]{6}, #[0-9a-f]{6}\)$/);
  apply(accent("#e62d42"));
  expect(shown()).toEqual(["", "", "", ""]);
  apply(accent("#9141ac"));
  apply(null);
  expect(shown()).toEqual(["", "", "", ""]);
});
