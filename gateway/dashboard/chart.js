// Lines over the last two minutes, as SVG.
import { span } from "/dashboard/history.js";

const height = 150, left = 44, bottom = 18, top = 6;
const space = "http://www.w3.org/2000/svg";

function make(name, attributes, text) {
  const element = document.createElementNS(space, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== undefined) element.textContent = text;
  return element;
}

/// 1, 2 or 5 times a power of ten, not below `most`.
function round(most) {
  const power = 10 ** Math.floor(Math.log10(Math.max(most, 1)));
  return [1, 2, 5, 10].map((n) => n * power).find((n) => n >= most) ?? power;
}

export const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });

/// `lines`: {name, style, points}; `now`: the time at the right end.
export function draw(place, lines, now) {
  const width = Math.max(place.clientWidth, 200);
  const most = round(Math.max(1, ...lines.flatMap(({ points }) => points.map(({ value }) => value))));
  const x = (time) => left + (1 - (now - time) / span) * (width - left);
  const y = (value) => height - bottom - (value / most) * (height - bottom - top);
  const said = lines.map(({ name, points }) => `${name} ${short.format(points.at(-1)?.value ?? 0)}`).join(", ");
  const svg = make("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": said });
  for (const part of [0, 0.5, 1]) {
    svg.append(make("line", { class: "grid", x1: left, x2: width, y1: y(part * most), y2: y(part * most) }));
    svg.append(make("text", { x: left - 6, y: y(part * most) + 4, "text-anchor": "end" }, short.format(part * most)));
  }
  svg.append(make("text", { x: left, y: height - 4 }, "2 min ago"), make("text", { x: width, y: height - 4, "text-anchor": "end" }, "now"));
  for (const { style, points } of lines)
    svg.append(make("polyline", { class: `line-${style}`, points: points.map(({ time, value }) => `${x(time)},${y(value)}`).join(" ") }));
  place.replaceChildren(svg);
}
