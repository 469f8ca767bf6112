// Pictures of the station in memory: a chef's knife on its fixture, drawn as SVG, with the marks of the
// given findings at their boxes.
import type { FindingDto } from "../types";

export const PICTURE_WIDTH_PX = 1920;
export const PICTURE_HEIGHT_PX = 1080;

function mark(finding: FindingDto): string {
  const { x, y, width, height } = finding.box_px;
  const centre = `cx="${x + width / 2}" cy="${y + height / 2}"`;
  switch (finding.defect_type) {
    case "rust_spot":
      return `<ellipse ${centre} rx="${width * 0.4}" ry="${height * 0.36}" fill="#7a4a25" opacity=".8"/>
        <ellipse cx="${x + width * 0.38}" cy="${y + height * 0.58}" rx="${width * 0.16}" ry="${height * 0.2}" fill="#4f2d14" opacity=".8"/>`;
    case "blade_chip":
      return `<path d="M${x} ${y + height} l${width * 0.3} ${-height * 0.7} l${width * 0.3} ${height * 0.2} l${width * 0.4} ${height * 0.5} z" fill="#262a2d"/>`;
    case "surface_contamination":
      return `<ellipse ${centre} rx="${width * 0.44}" ry="${height * 0.4}" fill="#5c6468" opacity=".5"/>`;
    default:
      return `<path d="M${x + 6} ${y + height - 8} Q${x + width * 0.5} ${y + height * 0.4} ${x + width - 6} ${y + 8}" stroke="#f4f6f7" stroke-width="5" fill="none"/>
        <path d="M${x + 8} ${y + height - 4} Q${x + width * 0.5} ${y + height * 0.45} ${x + width - 4} ${y + 12}" stroke="#5d666c" stroke-width="3" fill="none"/>`;
  }
}

/** The picture as a data address. */
export function knifePicture(findings: FindingDto[], shiftPx = { x: 0, y: 0 }): string {
  const rivets = [1330, 1480, 1630]
    .map((x) => `<circle cx="${x}" cy="540" r="19" fill="#b7bec3" stroke="#6f787e" stroke-width="4"/>`)
    .join("");
  const brush = Array.from({ length: 26 }, (_, n) => {
    const y = 428 + n * 11;
    return `<path d="M160 ${y} H1200" stroke="#fff" stroke-opacity="${n % 3 ? 0.07 : 0.16}" stroke-width="${1 + (n % 4)}"/>`;
  }).join("");
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1920 1080" width="1920" height="1080">
    <defs>
      <radialGradient id="bed" cx=".45" cy=".4" r=".8"><stop offset="0" stop-color="#474d52"/><stop offset="1" stop-color="#1d2022"/></radialGradient>
      <linearGradient id="steel" x1="0" y1="0" x2="0" y2="1"><stop offset="0" stop-color="#8d969c"/><stop offset=".35" stop-color="#c9d0d4"/><stop offset=".62" stop-color="#aab3b9"/><stop offset=".8" stop-color="#d9dee1"/><stop offset="1" stop-color="#9aa4aa"/></linearGradient>
      <linearGradient id="grip" x1="0" y1="0" x2="0" y2="1"><stop offset="0" stop-color="#3d4246"/><stop offset=".4" stop-color="#222629"/><stop offset="1" stop-color="#121416"/></linearGradient>
      <clipPath id="blade"><path d="M1210 420 H620 C430 420 250 480 130 600 C330 680 700 712 1090 704 L1210 640 Z"/></clipPath>
    </defs>
    <rect width="1920" height="1080" fill="url(#bed)"/>
    <g transform="translate(${shiftPx.x} ${shiftPx.y})">
      <ellipse cx="900" cy="742" rx="800" ry="60" fill="#000" opacity=".28"/>
      <g clip-path="url(#blade)"><rect x="100" y="400" width="1130" height="320" fill="url(#steel)"/>${brush}
        <path d="M130 600 C330 680 700 712 1090 704 L1090 676 C700 684 340 650 160 590 Z" fill="#eef1f2" opacity=".75"/></g>
      <text x="900" y="512" font-family="sans-serif" font-size="44" font-weight="700" letter-spacing="10" fill="#6d767c">WIKO</text>
      <text x="900" y="548" font-family="sans-serif" font-size="22" letter-spacing="6" fill="#7b848a">X50CrMoV15</text>
      <path d="M1200 416 h58 v232 h-58 z" fill="#dfe4e7" stroke="#8b949a" stroke-width="4"/>
      <path d="M1256 424 H1690 C1770 424 1800 470 1800 540 C1800 612 1760 672 1700 664 C1560 640 1400 634 1256 640 Z" fill="url(#grip)"/>
      ${rivets}${findings.map(mark).join("")}
    </g></svg>`;
  return `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg)}`;
}
