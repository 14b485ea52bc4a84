// The page of an import: shows its progress, and downloads its report.
import { call, pause, Refused, SessionEnded } from "./api.js";

const POLL_MS = 2000;
const MAX_BROKEN_STREAMS = 3;
const SHOWN = ["rows_checked", "rows_total", "success_count", "error_count", "warning_count"];
const STATES = {
  queued: "Queued",
  validating: "Checking rows",
  applying: "Adding speeches",
  undoing: "Undoing",
};

const job = document.getElementById("import");
const status = document.getElementById("import-status");
const download = document.getElementById("report");
const path = job.dataset.api;
let version = Number(job.dataset.version);

if (job.dataset.following === "true") follow();
download?.addEventListener("click", saveReport);

async function follow() {
  let broken = 0;
  while (broken >= 0) {
    try {
      const isOver = broken < MAX_BROKEN_STREAMS ? await stream() : await poll();
      if (isOver) return location.reload();
      broken = broken < MAX_BROKEN_STREAMS ? 0 : broken;
    } catch (error) {
      if (error instanceof SessionEnded || error.status === 404) return showStatus(error.message);
      broken += 1;
      showStatus(error instanceof Refused ? error.message : "The connection was lost. Trying again.");
    }
    await pause(POLL_MS);
  }
}

/** Show the events of the import until the connection ends. EventSource cannot send the token. */
async function stream() {
  const response = await call(`${path}/events`, { headers: { "Last-Event-ID": String(version) } });
  if (response.status === 204) return true;
  let rest = "";
  let isOver = false;
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return isOver;
    const parts = (rest + value).split(/\r?\n\r?\n/);
    rest = parts.pop();
    for (const part of parts) isOver = take(part) || isOver;
  }
}

function take(event) {
  const data = event.split(/\r?\n/).filter((line) => line.startsWith("data:"));
  return data.length ? show(JSON.parse(data.map((line) => line.slice(5)).join("\n"))) : false;
}

async function poll() {
  return show(await (await call(path)).json());
}

/** Show a state of the import, and return whether it has ended. */
function show(item) {
  version = item.version;
  const bar = document.getElementById("import-progress");
  if (item.rows_total) [bar.max, bar.value] = [item.rows_total, item.rows_checked];
  for (const name of SHOWN) {
    for (const cell of document.querySelectorAll(`[data-field="${name}"]`)) cell.textContent = item[name] ?? "…";
  }
  showStatus(STATES[item.state] ?? "");
  return !(item.state in STATES);
}

function showStatus(text) {
  if (status.textContent !== text) status.textContent = text;
}

async function saveReport() {
  download.disabled = true;
  try {
    const response = await call(`${path}/errors.csv`);
    const name = /filename\*=UTF-8''([^;]+)/.exec(response.headers.get("Content-Disposition") ?? "");
    const link = document.createElement("a");
    link.href = URL.createObjectURL(await response.blob());
    link.download = name ? decodeURIComponent(name[1]) : "errors.csv";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    showStatus(error.message);
  }
  download.disabled = false;
}
