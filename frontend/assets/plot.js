// Interactive plot of a job's result `plot_data`: a light curve, spectra compared, or a spectrum with flux points and
// limits over the fitted band and residuals below. The PNG result stays in its place if anything fails.
import Plotly from "plotly.js-basic-dist-min";
import * as comparison from "./comparison.js";
import * as lightcurve from "./lightcurve.js";

const BAND = "#c0392b";
const POINTS = "#1f2d3d";
const SYMBOLS = { "\\Gamma": "Γ", "\\alpha": "α", "\\beta": "β", "\\lambda": "λ", "\\pm": "±" };

// Labels are written for Matplotlib; of TeX they use Greek letters and plus-minus only.
function plainText(label) {
  return label.replace(/\$([^$]*)\$/g, (_, tex) => tex.replace(/\\[A-Za-z]+/g, (word) => SYMBOLS[word] ?? word));
}

function pick(points, name, chosen) {
  return points[name].filter((_, i) => chosen[i]);
}

function horizontalError(points, chosen) {
  const reference = pick(points, "e_ref", chosen);
  return {
    type: "data",
    symmetric: false,
    array: pick(points, "e_max", chosen).map((e, i) => e - reference[i]),
    arrayminus: pick(points, "e_min", chosen).map((e, i) => reference[i] - e),
    color: POINTS,
    thickness: 1.2,
    width: 0,
  };
}

function traces(data) {
  const { band, points } = data;
  const limits = points.is_ul.map(Boolean);
  const measured = limits.map((isLimit) => !isLimit);
  const energy = { hovertemplate: "%{x:.3g} TeV<br>%{y:.3g}<extra>%{fullData.name}</extra>" };
  const drawn = [
    { x: band.energy, y: band.low, mode: "lines", line: { width: 0 }, hoverinfo: "skip", showlegend: false },
    {
      x: band.energy,
      y: band.high,
      mode: "lines",
      line: { width: 0 },
      fill: "tonexty",
      fillcolor: "rgba(192, 57, 43, 0.22)",
      hoverinfo: "skip",
      name: "68 % confidence band",
    },
    { x: band.energy, y: band.e2dnde, mode: "lines", line: { color: BAND }, name: plainText(data.label), ...energy },
  ];
  if (measured.includes(true)) {
    drawn.push({
      x: pick(points, "e_ref", measured),
      y: pick(points, "e2dnde", measured),
      error_x: horizontalError(points, measured),
      error_y: {
        type: "data",
        symmetric: false,
        array: pick(points, "e2dnde_errp", measured).map((e) => e ?? 0),
        arrayminus: pick(points, "e2dnde_errn", measured).map((e) => e ?? 0),
        color: POINTS,
        thickness: 1.2,
        width: 0,
      },
      mode: "markers",
      marker: { color: POINTS, size: 7 },
      name: "Flux points",
      ...energy,
    });
    drawn.push({
      x: pick(points, "e_ref", measured),
      y: pick(points, "residual", measured),
      error_x: horizontalError(points, measured),
      error_y: { type: "constant", value: 1, color: POINTS, thickness: 1.2, width: 0 },
      xaxis: "x2",
      yaxis: "y2",
      mode: "markers",
      marker: { color: POINTS, size: 7 },
      name: "Residual (σ)",
      showlegend: false,
      ...energy,
    });
  }
  if (limits.includes(true)) {
    drawn.push({
      x: pick(points, "e_ref", limits),
      y: pick(points, "e2dnde_ul", limits),
      error_x: horizontalError(points, limits),
      mode: "markers",
      marker: { color: POINTS, size: 10, symbol: "triangle-down-open" },
      name: `Upper limits (${Math.round(100 * data.ul_confidence)} %)`,
      ...energy,
    });
  }
  return drawn;
}

// Decades that hold all that is drawn, so that a falling limit does not stretch the axis.
function fluxRange(data) {
  const limits = data.points.is_ul;
  const shown = [
    ...data.band.e2dnde,
    ...data.points.e2dnde.filter((_, i) => !limits[i]),
    ...data.points.e2dnde_ul.filter((_, i) => limits[i]),
  ].filter((value) => value > 0);
  return [Math.log10(0.3 * Math.min(...shown)), Math.log10(4 * Math.max(...shown))];
}

function layout(data) {
  const axis = { showline: true, mirror: true, linecolor: POINTS, ticks: "inside", gridcolor: "#e4e4e4", zeroline: false };
  const energy = { ...axis, type: "log", dtick: "D2", matches: "x" };
  return {
    title: { text: data.title, font: { size: 15 } },
    font: { family: "system-ui, sans-serif", color: POINTS },
    paper_bgcolor: "#ffffff",
    plot_bgcolor: "#ffffff",
    margin: { l: 80, r: 20, t: 45, b: 55 },
    xaxis: { ...energy, matches: undefined, anchor: "y", showticklabels: false },
    xaxis2: { ...energy, anchor: "y2", title: { text: "Energy (TeV)" } },
    yaxis: {
      ...axis,
      type: "log",
      title: { text: "E<sup>2</sup> dN/dE (erg cm<sup>−2</sup> s<sup>−1</sup>)" },
      anchor: "x",
      domain: [0.3, 1],
      range: fluxRange(data),
      exponentformat: "power",
      dtick: 1,
    },
    yaxis2: { ...axis, title: { text: "Residuals (σ)" }, anchor: "x2", domain: [0, 0.25], zeroline: true, zerolinecolor: BAND },
    legend: { x: 0.99, xanchor: "right", y: 0.99, bgcolor: "rgba(255, 255, 255, 0.7)" },
    hovermode: "closest",
  };
}

async function draw(place) {
  const answer = await fetch(place.dataset.plot, { headers: { Accept: "application/json" } });
  if (!answer.ok) throw new Error(`the plot's data cannot be read: HTTP ${answer.status}`);
  const data = await answer.json();
  const picture = { lightcurve, comparison }[data.kind] ?? { traces, layout };
  const drawn = picture.traces(data);
  place.hidden = false;
  await Plotly.newPlot(place, drawn, picture.layout(data), { responsive: true, displaylogo: false });
  document.querySelectorAll(`[data-replaced-by="${place.id}"]`).forEach((picture) => (picture.hidden = true));
}

document.addEventListener("DOMContentLoaded", () => {
  document.querySelectorAll("[data-plot]").forEach((place) =>
    draw(place).catch((error) => {
      place.hidden = true;
      console.warn(error.message);
    }),
  );
});
