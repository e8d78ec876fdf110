// Colours by lightness, chroma and hue as the eye sees them (OKLCH, by Björn Ottosson), and by the luminance that contrast
// is computed from (WCAG 2.2).

/** Red, green and blue, linear, from 0 to 1. */
export type Rgb = readonly [r: number, g: number, b: number];

/** From bytes as they are written. */
export function fromBytes(r: number, g: number, b: number): Rgb {
  const linear = (byte: number) => {
    const c = byte / 255;
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  };
  return [linear(r), linear(g), linear(b)];
}

/** From `#rrggbb`. */
export function fromHex(hex: string): Rgb {
  const byte = (at: number) => parseInt(hex.slice(at, at + 2), 16);
  return fromBytes(byte(1), byte(3), byte(5));
}

/** To `#rrggbb`. */
export function toHex(rgb: Rgb): string {
  const byte = (c: number) => {
    const clamped = Math.min(Math.max(c, 0), 1);
    const share = clamped <= 0.0031308 ? clamped * 12.92 : 1.055 * clamped ** (1 / 2.4) - 0.055;
    return Math.round(share * 255);
  };
  return "#" + rgb.map((c) => byte(c).toString(16).padStart(2, "0")).join("");
}

export function luminance([r, g, b]: Rgb): number {
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

/** Chroma, and hue in radians. */
export function chromaAndHue([r, g, b]: Rgb): { chroma: number; hue: number } {
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  const a = 1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s;
  const c = 0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s;
  return { chroma: Math.hypot(a, c), hue: Math.atan2(c, a) };
}

/** The colour with this luminance and hue, and this chroma or as much of it as a screen can show. */
export function atLuminance(target: number, chroma: number, hue: number): Rgb {
  let [dark, light] = [0, 1];
  while (light - dark > 1e-5) {
    const lightness = (dark + light) / 2;
    if (luminance(fromLch(lightness, chroma, hue)) < target) dark = lightness;
    else light = lightness;
  }
  const found = fromLch(light, chroma, hue);
  const shown = found.every((c) => c > -1e-4 && c < 1 + 1e-4);
  return shown ? found : atLuminance(target, chroma * 0.98 - 1e-4, hue);
}

function fromLch(lightness: number, chroma: number, hue: number): Rgb {
  const [a, b] = [chroma * Math.cos(hue), chroma * Math.sin(hue)];
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  return [
    4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
    -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
    -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s,
  ];
}
