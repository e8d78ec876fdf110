#!/bin/sh
# Draws every icon from countersign.svg, into the directory of the first argument or this one. `make.sh --check` draws them
# anew and compares: what is checked in has to be current. Needs rsvg-convert (Debian: librsvg2-bin) and ImageMagick.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
id=io.countersign.app

draw() { # size, file, source
  rsvg-convert --width "$1" --height "$1" --output "$2" "$3"
}

make() { # to
  attention=$(mktemp --suffix .svg)
  trap 'rm -f "$attention"' EXIT
  sed 's/ id="attention" display="none"//' "$here/countersign.svg" >"$attention"
  for size in 32 128 256 512; do
    draw "$size" "$1/${size}x${size}.png" "$here/countersign.svg"
  done
  cp "$1/512x512.png" "$1/icon.png"
  for size in 16 22 24 32 48 64 128 256 512; do
    apps="$1/hicolor/${size}x${size}/apps"
    mkdir -p "$apps"
    draw "$size" "$apps/$id.png" "$here/countersign.svg"
    # The badge is for panels, which are small.
    if [ "$size" -le 64 ]; then draw "$size" "$apps/$id-attention.png" "$attention"; fi
  done
  scalable="$1/hicolor/scalable/apps"
  mkdir -p "$scalable" "$1/tray"
  cp "$here/countersign.svg" "$scalable/$id.svg"
  cp "$attention" "$scalable/$id-attention.svg"
  chmod 644 "$scalable"/*.svg
  # Raw pixels, for panels that do not find the icon by its name.
  for size in 24 48; do
    convert "$1/hicolor/${size}x${size}/apps/$id.png" -depth 8 "rgba:$1/tray/$size.rgba"
    convert "$1/hicolor/${size}x${size}/apps/$id-attention.png" -depth 8 "rgba:$1/tray/$size-attention.rgba"
  done
}

if [ "${1-}" != --check ]; then
  make "${1-$here}"
  exit
fi
fresh=$(mktemp -d)
make "$fresh"
trap 'rm -rf "$fresh" "$attention"' EXIT
status=0
for file in $(cd "$fresh" && find . -type f | sort); do
  case $file in
    # Encoders differ in bytes: pixels count.
    *.png) same=$(compare -metric AE "$fresh/$file" "$here/$file" null: 2>&1) && [ "$same" = 0 ] ;;
    *) cmp --silent "$fresh/$file" "$here/$file" ;;
  esac || { echo "icons/${file#./} is not what make.sh draws: run it" >&2; status=1; }
done
exit "$status"
