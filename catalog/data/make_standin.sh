#!/bin/sh
# Draws static/media/standin.webm, which plays when a title's own video cannot be reached: ten
# minutes of running time, so that any position a viewer left can be seen to be the right one.
# Needs ffmpeg with libvpx, libopus, librsvg and libfreetype. Our own work, dedicated to CC0.
set -eu

cd "$(dirname "$0")/../.."
out=${1:-static/media/standin.webm}
serif=static/fonts/instrument-serif-latin.woff2
sans=static/fonts/instrument-sans-latin.woff2
seconds=600
rate=2

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cat > "$work/card.svg" <<'SVG'
<svg xmlns="http://www.w3.org/2000/svg" width="640" height="360" viewBox="0 0 640 360">
  <rect width="640" height="360" fill="#0b0d12"/>
  <g fill="none" stroke="#2b3240" stroke-width="1">
    <ellipse cx="320" cy="172" rx="74" ry="136"/>
    <path d="M205 110H435M205 234H435"/>
  </g>
  <rect x="186" y="132" width="268" height="80" fill="#0b0d12"/>
  <circle cx="320" cy="172" r="136" fill="none" stroke="#3a4252" stroke-width="2"/>
  <path d="M320 28V36M320 308V316M176 172H184M456 172H464M248 47L252 54M388 290L392 297M195 100L202 104M438 240L445 244M392 47L388 54M252 290L248 297M445 100L438 104M202 240L195 244"
        stroke="#7f8592" stroke-width="2"/>
  <path d="M24 44V24H44M596 24H616V44M24 296V316H44M596 316H616V296" fill="none" stroke="#3a4252" stroke-width="2"/>
  <g>
    <rect x="40" y="100" width="96" height="18" fill="#e8e6e1"/>
    <rect x="40" y="124" width="96" height="18" fill="#ffb454"/>
    <rect x="40" y="148" width="96" height="18" fill="#6fd39b"/>
    <rect x="40" y="172" width="96" height="18" fill="#86b7ff"/>
    <rect x="40" y="196" width="96" height="18" fill="#ff8577"/>
    <rect x="40" y="220" width="96" height="18" fill="#3a4252"/>
  </g>
  <g>
    <rect x="504" y="100" width="96" height="18" fill="#1a1f2a"/>
    <rect x="504" y="124" width="96" height="18" fill="#3a4252"/>
    <rect x="504" y="148" width="96" height="18" fill="#5c6473"/>
    <rect x="504" y="172" width="96" height="18" fill="#7f8592"/>
    <rect x="504" y="196" width="96" height="18" fill="#a5a9b4"/>
    <rect x="504" y="220" width="96" height="18" fill="#e8e6e1"/>
  </g>
  <rect x="20" y="336" width="600" height="4" fill="#232937"/>
  <path d="M80 330V334M140 330V334M200 330V334M260 330V334M320 328V334M380 330V334M440 330V334M500 330V334M560 330V334" stroke="#7f8592" stroke-width="2"/>
</svg>
SVG

cat > "$work/hand.svg" <<'SVG'
<svg xmlns="http://www.w3.org/2000/svg" width="20" height="20" viewBox="0 0 20 20">
  <circle cx="10" cy="10" r="9" fill="#0b0d12"/>
  <circle cx="10" cy="10" r="6" fill="#ffb454"/>
</svg>
SVG

# Each figure has a slot of its own, or proportional figures would dance from second to second.
figure() { # centre of the slot, one figure of the running time as an expression
    printf "drawtext=fontfile=%s:fontsize=66:fontcolor=0xe8e6e1:x=%s-text_w/2:y=195-ascent:text='%%{eif\\:%s\\:d}'," "$serif" "$1" "$2"
}
colon() {
    printf "drawtext=fontfile=%s:fontsize=60:fontcolor=0x7f8592:x=%s-text_w/2:y=190-ascent:text='\\:'," "$serif" "$1"
}
label() { # font, size, colour, y, words
    printf "drawtext=fontfile=%s:fontsize=%s:fontcolor=%s:x=320-text_w/2:y=%s:text='%s'," "$1" "$2" "$3" "$4" "$5"
}

now="(t+0.01)"
clock=$(
    figure 212 "mod(trunc($now/36000)\\,10)"
    figure 246 "mod(trunc($now/3600)\\,10)"
    colon 269
    figure 292 "mod(trunc($now/600)\\,6)"
    figure 326 "mod(trunc($now/60)\\,10)"
    colon 349
    figure 372 "mod(trunc($now/10)\\,6)"
    figure 406 "mod(trunc($now)\\,10)"
    label "$serif" 26 0xffb454 76 Meridian
    label "$sans" 13 0xa5a9b4 252 "in place of the film"
)

# Opus begins a few milliseconds before its first sample. Without the later start of the sound the
# muxer would move the picture instead, and a seek to a whole second would show the one before it.
ffmpeg -y -hide_banner -loglevel warning \
    -loop 1 -framerate $rate -i "$work/card.svg" \
    -loop 1 -framerate $rate -i "$work/hand.svg" \
    -f lavfi -i "color=0xffb454:size=600x4:rate=$rate" \
    -f lavfi -i "color=0x0b0d12:size=20x4:rate=$rate" \
    -f lavfi -i "aevalsrc='0.16*sin(2*PI*if(lt(mod(t,60),1),880,587)*t)*exp(-90*mod(t,1))':sample_rate=8000" \
    -filter_complex "
        [0:v]format=rgb24[card];
        [card][2:v]overlay=x='20-600+600*trunc(t+0.01)/$seconds':y=336[bar];
        [bar][3:v]overlay=x=0:y=336[edge];
        [edge]${clock%,}[told];
        [told][1:v]overlay=x='310+136*sin(2*PI*trunc(t+0.01)/60)':y='162-136*cos(2*PI*trunc(t+0.01)/60)',format=yuv420p[picture]" \
    -map "[picture]" -map 4:a -af "asetpts=PTS+0.01/TB" -t $seconds -r $rate \
    -c:v libvpx-vp9 -b:v 0 -crf 51 -g $((rate * 10)) -keyint_min $((rate * 10)) \
    -deadline best -cpu-used 0 -row-mt 1 -lag-in-frames 25 -auto-alt-ref 1 -tune-content screen \
    -c:a libopus -ac 1 -b:a 4k -vbr on -application voip -frame_duration 120 \
    -cluster_time_limit 10000 -cues_to_front 1 \
    -metadata title="Meridian stand-in" -fflags +bitexact -flags:v +bitexact -flags:a +bitexact \
    "$out"
