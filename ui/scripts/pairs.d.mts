type Colours = Record<string, readonly [light: string, dark: string]>;
export function colours(css: string): Colours;
export function ratio(a: string, b: string): number;
export const pairs: [front: string, behind: string, least: number][];
