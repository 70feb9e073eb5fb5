// Lines over time, drawn from the table that says the same in words. The table is the content; the
// drawing is for eyes only, and everything is there without it.
//
//   <figure class="chart" data-chart data-unit="ms" data-from="…" data-to="…" data-step="60000">
//     <div class="chart__plot" aria-hidden="true"></div>
//     <table>
//       <thead><tr><th>UTC</th><th data-series>Oregon → Ireland</th>…</tr></thead>
//       <tbody><tr><th data-x="1795000000000">12:05</th><td data-y="412.3">412 ms</td><td>–</td>…
//     </table>
//   </figure>
//
// Times are milliseconds since 1970, shown in UTC; `data-from` and `data-to` are the ends of the
// axis. Rows go by time. A cell without `data-y` is a gap, and so is a step longer than `data-step`.
// The table may lie anywhere inside the figure, in a closed <details> too. CSS says how high a
// drawing is: `--chart-height`, in rem. What htmx brings is drawn as it comes; what is pointed at
// stays so, and a line that was hidden by a click on its name stays hidden.
//
// A page that uses this needs css/chart.css and vendor/uplot/uPlot.min.css.

import uPlot from "../vendor/uplot/uPlot.esm.js";

const COLOURS = 6;
const DASHES = [[], [7, 4], [2, 3], [10, 3, 2, 3], [4, 8]];
const MANY_POINTS = 40;
const ROOM = 1.12;

const drawn = new Map();
const hidden = new Set();
let pointed = { left: -1, top: -1 };

function draw(figure) {
  const { names, columns } = readTable(figure);
  const place = figure.querySelector(".chart__plot");
  const cursor = pointed;
  drawn.get(figure)?.destroy();
  const plot = new uPlot(options(figure, place, names, columns[0].length), columns, place);
  drawn.set(figure, plot);
  sizes.observe(place);
  if (cursor.left >= 0) plot.setCursor(cursor);
}

function drawAll(root) {
  for (const figure of root.querySelectorAll("[data-chart]")) draw(figure);
}

// What is drawn

function readTable(figure) {
  const names = [...figure.querySelectorAll("thead [data-series]")].map((each) => each.textContent);
  const rows = [...figure.querySelectorAll("tbody tr:has([data-x])")].map((row) => ({
    x: Number(row.querySelector("[data-x]").dataset.x),
    ys: [...row.querySelectorAll("td")].map(value),
  }));
  const whole = withGaps(rows, Number(figure.dataset.step ?? Infinity));
  const lines = names.map((_, place) => whole.map((row) => row.ys[place] ?? null));
  return { names, columns: [whole.map((row) => row.x), ...lines] };
}

/** An empty row wherever a step is left out, so that no line leads across. */
function withGaps(rows, step) {
  return rows.flatMap((row, place) => {
    const gap = place > 0 && row.x - rows[place - 1].x > step;
    return gap ? [{ x: rows[place - 1].x + step, ys: [] }, row] : [row];
  });
}

function value(cell) {
  return cell.dataset.y ? Number(cell.dataset.y) : null;
}

// How it is drawn

function options(figure, place, names, length) {
  const paint = painter(place);
  const { unit, from, to } = figure.dataset;
  const axis = {
    stroke: paint("--text-quiet"),
    font: `12px ${getComputedStyle(place).fontFamily}`,
    grid: { stroke: paint("--line"), width: 1 },
    ticks: { show: false },
  };
  const written = (number) => (number === null ? "–" : `${amount(number)} ${unit}`);
  return {
    width: place.clientWidth,
    height: height(place),
    ms: 1,
    tzDate: (at) => uPlot.tzDate(new Date(at), "UTC"),
    cursor: { drag: { x: false, y: false }, points: { size: 9 } },
    hooks: { setSeries: [remember], setCursor: [point] },
    padding: [12, 12, 0, 0],
    scales: {
      x: { range: [Number(from), Number(to)] },
      y: { range: (_, __, most) => [0, most > 0 ? most * ROOM : 1] },
    },
    axes: [
      { ...axis, size: 30, space: 64, values: (_, all) => all.map(clock) },
      { ...axis, size: 68, values: (_, all) => all.map(written) },
    ],
    series: [
      { label: "UTC", value: (_, at) => (at === null ? "–" : clock(at)) },
      ...names.map((label, number) => line({ label, number, length }, paint, written)),
    ],
  };
}

function line({ label, number, length }, paint, written) {
  const stroke = paint(`--series-${(number % COLOURS) + 1}`);
  return {
    label,
    stroke,
    show: !hidden.has(label),
    width: 2,
    dash: DASHES[Math.floor(number / COLOURS) % DASHES.length],
    points: { show: true, size: length > MANY_POINTS ? 4 : 7, fill: stroke },
    value: (_, found) => written(found),
  };
}

function remember(plot, place, { show }) {
  if (show === undefined) return;
  if (show) hidden.delete(plot.series[place].label);
  else hidden.add(plot.series[place].label);
}

function point({ cursor }) {
  pointed = { left: cursor.left, top: cursor.top };
}

/** Colours as a canvas takes them: it knows nothing of custom properties. */
function painter(place) {
  const swatch = document.createElement("span");
  return (token) => {
    place.append(swatch);
    swatch.style.color = `var(${token})`;
    const colour = getComputedStyle(swatch).color;
    swatch.remove();
    return colour;
  };
}

function clock(at) {
  return new Date(at).toISOString().slice(11, 16);
}

function amount(number) {
  return number.toLocaleString("en-GB", { maximumFractionDigits: number < 10 ? 1 : 0 });
}

// When to draw again

const sizes = new ResizeObserver((changes) => {
  for (const { target } of changes) {
    if (!target.isConnected) forget(target);
    else if (target.clientWidth > 0) fit(drawn.get(target.closest("[data-chart]")), target);
  }
});

function fit(plot, place) {
  const size = { width: place.clientWidth, height: height(place) };
  if (plot && (plot.width !== size.width || plot.height !== size.height)) plot.setSize(size);
}

function height(place) {
  const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
  return parseFloat(getComputedStyle(place).getPropertyValue("--chart-height")) * rem;
}

function forget(place) {
  sizes.unobserve(place);
  for (const [figure, plot] of drawn) {
    if (figure.isConnected) continue;
    plot.destroy();
    drawn.delete(figure);
  }
}

function repaint() {
  for (const figure of drawn.keys()) if (figure.isConnected) draw(figure);
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);
new MutationObserver(repaint).observe(document.documentElement, { attributeFilter: ["data-theme"] });
document.fonts.ready.then(repaint);
document.body.addEventListener("htmx:load", (event) => drawAll(event.detail.elt));
drawAll(document);
