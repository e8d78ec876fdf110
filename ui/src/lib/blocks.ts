// A coarse picture as shapes, one for each of its greys.
import type { Coarse } from "../bindings/Coarse";

export interface Block {
  grey: string;
  /** A square for each cell, a little larger than it, so that no line shows between two. */
  outline: string;
}

export function blocks({ columns, cells }: Coarse): Block[] {
  const outlines = new Map<string, string>();
  [...cells].forEach((digit, index) => {
    const square = `M${index % columns} ${Math.floor(index / columns)}h1.05v1.05h-1.05z`;
    outlines.set(digit, (outlines.get(digit) ?? "") + square);
  });
  return [...outlines].map(([digit, outline]) => ({ grey: `#${digit.repeat(6)}`, outline }));
}
