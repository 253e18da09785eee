// Traces and layout of a light curve: fluxes and upper limits over time, a panel for each energy range.
const LINE = "#c0392b";
const POINTS = "#1f2d3d";
const HOVER = { hovertemplate: "MJD %{x:.4f}<br>%{y:.3g}<extra>%{fullData.name}</extra>" };

function suffix(number) {
  return number === 0 ? "" : String(number + 1);
}

function chosen(series, wanted) {
  const numbers = series.t_min.map((_, i) => i).filter((i) => Boolean(series.is_ul[i]) === wanted);
  const column = (name) => numbers.map((i) => series[name][i]);
  return {
    column,
    middle: numbers.map((i) => (series.t_min[i] + series.t_max[i]) / 2),
    half: numbers.map((i) => (series.t_max[i] - series.t_min[i]) / 2),
  };
}

function panel(series, number, confidence) {
  const axes = { xaxis: "x", yaxis: `y${suffix(number)}`, showlegend: number === 0 };
  const drawn = [];
  const bar = { type: "data", color: POINTS, thickness: 1.2, width: 0 };
  const measured = chosen(series, false);
  if (measured.middle.length) {
    drawn.push({
      ...axes,
      x: measured.middle,
      y: measured.column("flux"),
      error_x: { ...bar, array: measured.half },
      error_y: {
        ...bar,
        symmetric: false,
        array: measured.column("flux_errp").map((e) => e ?? 0),
        arrayminus: measured.column("flux_errn").map((e) => e ?? 0),
      },
      mode: "markers",
      marker: { color: POINTS, size: 7 },
      name: "Flux",
      ...HOVER,
    });
  }
  const limits = chosen(series, true);
  if (limits.middle.length) {
    drawn.push({
      ...axes,
      x: limits.middle,
      y: limits.column("flux_ul"),
      error_x: { ...bar, array: limits.half },
      mode: "markers",
      marker: { color: POINTS, size: 10, symbol: "triangle-down-open" },
      name: `Upper limits (${Math.round(100 * confidence)} %)`,
      ...HOVER,
    });
  }
  if (series.constant !== null) {
    drawn.push({
      ...axes,
      x: [series.t_min[0], series.t_max[series.t_max.length - 1]],
      y: [series.constant, series.constant],
      mode: "lines",
      line: { color: LINE, width: 1 },
      name: "Constant flux",
      ...HOVER,
    });
  }
  return drawn;
}

export function traces(data) {
  return data.series.flatMap((series, number) => panel(series, number, data.ul_confidence));
}

export function layout(data) {
  const axis = { showline: true, mirror: true, linecolor: POINTS, ticks: "inside", gridcolor: "#e4e4e4", zeroline: false };
  const height = 1 / data.series.length;
  const panels = data.series.map((series, number) => [
    `yaxis${suffix(number)}`,
    {
      ...axis,
      zeroline: true,
      title: { text: `Flux ${series.label} (cm<sup>−2</sup> s<sup>−1</sup>)` },
      exponentformat: "power",
      domain: [1 - (number + 1) * height + (number === data.series.length - 1 ? 0 : 0.05), 1 - number * height],
    },
  ]);
  return {
    title: { text: data.title, font: { size: 15 } },
    font: { family: "system-ui, sans-serif", color: POINTS },
    paper_bgcolor: "#ffffff",
    plot_bgcolor: "#ffffff",
    margin: { l: 90, r: 20, t: 45, b: 55 },
    xaxis: { ...axis, title: { text: "Time (MJD, UTC)" }, tickformat: ".2f", anchor: `y${suffix(data.series.length - 1)}` },
    ...Object.fromEntries(panels),
    legend: { orientation: "h", x: 1, xanchor: "right", y: 1, yanchor: "bottom" },
    hovermode: "closest",
  };
}
