// Traces and layout of spectra compared: for each group its fitted band, flux points and upper limits in one colour,
// and as the reference the spectrum that is fitted to all groups together.
const LINE = "#1f2d3d";
const COLOURS = ["#1b6ca8", "#c0392b", "#2e8b57", "#8e5ea2", "#d98e04", "#5d6d7e", "#00808a", "#a0522d"];
const SYMBOLS = ["circle", "square", "diamond", "triangle-up", "pentagon", "star"];
const HOVER = { hovertemplate: "%{x:.3g} TeV<br>%{y:.3g}<extra>%{fullData.name}</extra>" };

function transparent(colour, alpha) {
  const part = (from) => parseInt(colour.slice(from, from + 2), 16);
  return `rgba(${part(1)}, ${part(3)}, ${part(5)}, ${alpha})`;
}

function chosen(points, wanted) {
  const numbers = points.e_ref.map((_, i) => i).filter((i) => Boolean(points.is_ul[i]) === wanted);
  return (name) => numbers.map((i) => points[name][i]);
}

function widths(column, bar) {
  const reference = column("e_ref");
  return {
    ...bar,
    symmetric: false,
    array: column("e_max").map((e, i) => e - reference[i]),
    arrayminus: column("e_min").map((e, i) => reference[i] - e),
  };
}

function group(series, number, confidence) {
  const colour = COLOURS[number % COLOURS.length];
  const symbol = SYMBOLS[Math.floor(number / COLOURS.length) % SYMBOLS.length];
  const { band, points, name } = series;
  const common = { legendgroup: `group${number}`, showlegend: false };
  const bar = { type: "data", color: colour, thickness: 1.2, width: 0 };
  const edge = { ...common, x: band.energy, mode: "lines", line: { width: 0 }, hoverinfo: "skip" };
  const measured = chosen(points, false);
  const limits = chosen(points, true);
  const drawn = [
    { ...edge, y: band.low },
    { ...edge, y: band.high, fill: "tonexty", fillcolor: transparent(colour, 0.2) },
    { ...common, ...HOVER, x: band.energy, y: band.e2dnde, mode: "lines", line: { color: colour, width: 1.5 }, name: `${name}, fit` },
    {
      ...common,
      ...HOVER,
      showlegend: true,
      x: measured("e_ref"),
      y: measured("e2dnde"),
      error_x: widths(measured, bar),
      error_y: {
        ...bar,
        symmetric: false,
        array: measured("e2dnde_errp").map((e) => e ?? 0),
        arrayminus: measured("e2dnde_errn").map((e) => e ?? 0),
      },
      mode: "markers",
      marker: { color: colour, size: 7, symbol },
      name,
    },
  ];
  if (limits("e_ref").length) {
    drawn.push({
      ...common,
      ...HOVER,
      x: limits("e_ref"),
      y: limits("e2dnde_ul"),
      error_x: widths(limits, bar),
      mode: "markers",
      marker: { color: colour, size: 10, symbol: "triangle-down-open" },
      name: `${name}, upper limit (${Math.round(100 * confidence)} %)`,
    });
  }
  return drawn;
}

export function traces(data) {
  return [
    ...data.series.flatMap((series, number) => group(series, number, data.ul_confidence)),
    {
      ...HOVER,
      x: data.reference.energy,
      y: data.reference.e2dnde,
      mode: "lines",
      line: { color: LINE, width: 1.5, dash: "dash" },
      name: data.reference.label,
    },
  ];
}

// Decades that hold all that is measured, so that a falling fit or limit does not stretch the axis.
function fluxRange(data) {
  const shown = data.series
    .flatMap(({ band, points }) => [
      ...band.e2dnde,
      ...chosen(points, false)("e2dnde"),
      ...chosen(points, true)("e2dnde_ul"),
    ])
    .filter((value) => value > 0);
  return [Math.log10(0.3 * Math.min(...shown)), Math.log10(4 * Math.max(...shown))];
}

export function layout(data) {
  const axis = { showline: true, mirror: true, linecolor: LINE, ticks: "inside", gridcolor: "#e4e4e4", zeroline: false, type: "log" };
  return {
    title: { text: data.title, font: { size: 15 } },
    font: { family: "system-ui, sans-serif", color: LINE },
    paper_bgcolor: "#ffffff",
    plot_bgcolor: "#ffffff",
    margin: { l: 80, r: 20, t: 45, b: 55 },
    xaxis: { ...axis, dtick: "D2", title: { text: "Energy (TeV)" } },
    yaxis: {
      ...axis,
      title: { text: "E<sup>2</sup> dN/dE (erg cm<sup>−2</sup> s<sup>−1</sup>)" },
      range: fluxRange(data),
      exponentformat: "power",
      dtick: 1,
    },
    legend: { x: 0.99, xanchor: "right", y: 0.99, bgcolor: "rgba(255, 255, 255, 0.7)" },
    hovermode: "closest",
  };
}
