// A plot of speed over time, drawn with SVG.

import { el, svg, say } from "./dom.js";
import { t, speed, duration } from "./words.js";

const width = 600;
const height = 150;

// step rounds up to a value that reads well.
function ceiling(value) {
  let unit = 1024;
  while (unit * 1000 < value) unit *= 1024;
  const scaled = value / unit;
  const power = 10 ** Math.floor(Math.log10(Math.max(scaled, 1)));
  for (const factor of [1, 2, 5, 10]) if (factor * power >= scaled) return factor * power * unit;
  return 10 * power * unit;
}

// newPlot makes a plot; draw(samples) brings it up to date.
export function newPlot() {
  const area = svg("path", { class: "area" });
  const line = svg("path", { class: "line" });
  const drawing = svg("svg", { class: "plot", viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", role: "img" },
    [0, 0.5, 1].map((y) => svg("line", { class: "grid", x1: 0, x2: width, y1: y * height, y2: y * height })), area, line);
  const top = el("span", { class: "small muted number" });
  const from = el("span", { class: "number" });
  const to = el("span", {}, "");
  const empty = el("p", { class: "muted small" }, "");
  const body = el("div", { class: "plot-body" }, el("div", { class: "row" }, top), drawing, el("div", { class: "axis" }, from, to));
  const element = el("div", { class: "sheet plot-sheet" }, el("h2", {}, t("plot.title")), body, empty);

  function draw(samples) {
    const enough = samples.length > 1;
    body.hidden = !enough;
    empty.hidden = enough;
    say(empty, t("plot.empty"));
    if (!enough) return;
    const begin = samples[0].at;
    const span = Math.max(samples.at(-1).at - begin, 1000);
    const most = Math.max(...samples.map((s) => s.speed));
    const high = ceiling(Math.max(most, 1024));
    const points = samples.map((s) => [((s.at - begin) / span) * width, height - (s.speed / high) * height]);
    const path = points.map(([x, y], at) => `${at ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");
    line.setAttribute("d", path);
    area.setAttribute("d", `${path}L${points.at(-1)[0].toFixed(1)} ${height}L0 ${height}Z`);
    say(top, speed(high));
    say(from, t("plot.ago", { time: duration((Date.now() - begin) / 1000) }));
    say(to, Date.now() - samples.at(-1).at < 5000 ? t("plot.now") : t("plot.ago", { time: duration((Date.now() - samples.at(-1).at) / 1000) }));
    drawing.setAttribute("aria-label", t("plot.label", { now: speed(samples.at(-1).speed), most: speed(most) }));
  }

  return { element, draw };
}
