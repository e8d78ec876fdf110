#!/bin/sh
# Draws the PNG icons from countersign.svg. Needs rsvg-convert (Debian: librsvg2-bin).
set -eu
cd "$(dirname "$0")"
for size in 32 128 256 512; do
  rsvg-convert --width "$size" --height "$size" --output "${size}x${size}.png" countersign.svg
done
cp 512x512.png icon.png
