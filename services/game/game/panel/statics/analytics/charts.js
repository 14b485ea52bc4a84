// Draws the tables of the page as charts. The tables are also readable without it.

const MAX_LABEL_CHARACTERS = 26;
const MAX_LABEL_CHARACTERS_OF_PHONES = 15;
const MAX_PHONE_PIXELS = 600;
const COLORS = 4;
const DASHES = [[], [6, 4], [2, 3], [10, 3, 2, 3]];

function shorten(text) {
  const limit = innerWidth < MAX_PHONE_PIXELS ? MAX_LABEL_CHARACTERS_OF_PHONES : MAX_LABEL_CHARACTERS;
  return text.length > limit ? `${text.slice(0, limit - 1)}…` : text;
}

function readTable(figure) {
  const { table, columns, first, rows } = figure.dataset;
  const { tHead, tBodies } = document.getElementById(table);
  const from = Number(first);
  const lines = [...tBodies[0].rows].slice(from, from + Number(rows));
  return {
    labels: lines.map((line) => line.cells[0].textContent.trim()),
    series: columns.split(" ").map((column) => ({
      label: tHead.rows[0].cells[column].textContent.trim().replace(/, share$/, ""),
      data: lines.map((line) => {
        const value = line.cells[column].dataset.value;
        return value === undefined ? null : Number(value);
      }),
    })),
  };
}

function readColors() {
  const styles = getComputedStyle(document.documentElement);
  const read = (name) => styles.getPropertyValue(name).trim();
  return {
    series: Array.from({ length: COLORS }, (_, number) => read(`--chart-${number + 1}`)),
    text: read("--quiet"),
    line: read("--line"),
    card: read("--card"),
  };
}

function toDataset({ label, data }, number, colors, isLine) {
  const color = colors.series[number % COLORS];
  const line = { borderWidth: 2, borderDash: DASHES[number % DASHES.length], pointRadius: data.length > 31 ? 0 : 3, pointHitRadius: 12, cubicInterpolationMode: "monotone" };
  const bar = { borderRadius: 3, maxBarThickness: 44 };
  return { label, data, borderColor: color, backgroundColor: color, ...(isLine ? line : bar) };
}

function createScales(figure, labels, colors) {
  const { chart, unit, highest } = figure.dataset;
  const isLying = chart === "bars";
  const grid = { color: colors.line };
  const names = {
    grid: { display: false },
    border: grid,
    ticks: {
      color: colors.text,
      autoSkip: !isLying,
      maxRotation: 0,
      autoSkipPadding: 16,
      // The year of a day is in its tooltip.
      callback: (number) => shorten(labels[number].replace(/ \d{4}$/, "")),
    },
  };
  const values = {
    grid,
    border: { display: false },
    beginAtZero: true,
    suggestedMax: highest && Number(highest),
    ticks: { color: colors.text, maxTicksLimit: 6, maxRotation: 0, precision: unit ? undefined : 0, callback: (value) => `${value.toLocaleString("en")}${unit === "%" ? " %" : ""}` },
  };
  return isLying ? { x: values, y: names } : { x: names, y: values };
}

function createOptions(figure, table, colors) {
  const { chart, unit } = figure.dataset;
  const format = (value) => `${value.toLocaleString("en", { maximumFractionDigits: 1 })}${unit ? ` ${unit}` : ""}`;
  const isLying = chart === "bars";
  return {
    indexAxis: isLying ? "y" : "x",
    animation: false,
    maintainAspectRatio: false,
    interaction: { mode: "index", axis: isLying ? "y" : "x", intersect: false },
    scales: createScales(figure, table.labels, colors),
    plugins: {
      legend: { display: table.series.length > 1, position: "bottom", labels: { color: colors.text, usePointStyle: true, pointStyle: chart === "line" ? "line" : "rect" } },
      tooltip: {
        callbacks: {
          title: ([item]) => table.labels[item.dataIndex],
          label: (item) => `${item.dataset.label}: ${format(item.raw)}`,
        },
      },
    },
  };
}

function draw(figure) {
  const canvas = figure.querySelector("canvas");
  const table = readTable(figure);
  const colors = readColors();
  const isLine = figure.dataset.chart === "line";
  figure.hidden = false;
  figure.classList.toggle("is-tall", figure.dataset.chart === "bars" && table.labels.length * table.series.length > 8);
  Chart.getChart(canvas)?.destroy();
  new Chart(canvas, {
    type: isLine ? "line" : "bar",
    data: { labels: table.labels, datasets: table.series.map((each, number) => toDataset(each, number, colors, isLine)) },
    options: createOptions(figure, table, colors),
  });
}

function drawAll() {
  Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
  document.querySelectorAll("[data-chart]").forEach(draw);
}

drawAll();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);

// Suggest the time zones that the browser knows.
const zones = document.getElementById("zones");
for (const zone of ["UTC", ...(Intl.supportedValuesOf?.("timeZone") ?? [])]) zones.append(new Option(zone, zone));
