// Where the picture of a QR code comes from. A camera gives more than one, and has a dialog of its own.
import type { QrSource } from "../bindings/QrSource";

export type PictureSource = Exclude<QrSource, "camera">;

export const PICTURES: PictureSource[] = ["file", "clipboard", "screen"];
