// The page of a new import: recordings first, then the table that names them.
import { Refused, sendForm } from "./api.js";
import { takeFiles } from "./drop.js";
import { isOfRecordings, Recordings } from "./recordings.js";

const find = (id) => document.getElementById(id);
const form = find("table-form");
const table = find("table");
const buttons = [...form.querySelectorAll("button")];
let tableFile = null;

const recordings = new Recordings({
  list: find("files"),
  summary: find("recordings-summary"),
  again: find("recordings-again"),
  session: form.dataset.session || "",
  onSession: (id) => {
    // The page can be reloaded, or opened later, with the same recordings.
    history.replaceState(null, "", id ? `?session=${id}` : location.pathname);
    if (!id) find("earlier")?.remove();
  },
});

takeFiles(find("recordings-zone"), find("recordings"), (files) => {
  clearProblems();
  recordings.add(files);
});
takeFiles(find("table-zone"), table, ([file]) => {
  if (!file) return;
  tableFile = file;
  find("table-name").textContent = file.name;
  find("table-name").classList.add("is-chosen");
  clearProblems();
});

window.addEventListener("beforeunload", (event) => {
  if (recordings.isSending) event.preventDefault();
});

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  clearProblems();
  if (recordings.isSending) return showProblem("recordings", "Wait until all recordings are uploaded.");
  if (!recordings.session) return showProblem("recordings", "Upload the recordings that the table names first.");
  if (!tableFile) return showProblem("table", "Choose the table.");
  await start(event.submitter?.value === "check");
});

async function start(isDryRun) {
  const body = new FormData();
  body.append("upload_session_id", recordings.session);
  body.append("dry_run", String(isDryRun));
  body.append("file", tableFile, tableFile.name);
  setBusy(true);
  try {
    const bar = find("table-progress");
    const response = await sendForm(form.dataset.api, body, (sent) => {
      bar.value = Math.min(100, (100 * sent) / tableFile.size);
    });
    location.assign(`${form.dataset.jobs}/${response.job_id}`);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    setBusy(false);
    if (isOfRecordings(error)) recordings.leaveSession();
    showProblem(isOfRecordings(error) ? "recordings" : "table", describeError(error), error.problem.job_id);
  }
}

function describeError(error) {
  const messages = (error.problem.errors ?? []).map((problem) => problem.message);
  return [error.message, ...messages].join(" ");
}

function setBusy(isBusy) {
  for (const button of buttons) button.disabled = isBusy;
  find("table-progress").hidden = !isBusy;
  form.ariaBusy = String(isBusy);
}

function clearProblems() {
  for (const field of ["recordings", "table"]) {
    find(`${field}-problem`).replaceChildren();
    find(field).removeAttribute("aria-invalid");
  }
}

/** Show a problem at its field, which may be out of sight above the buttons. */
function showProblem(field, text, jobId) {
  const message = find(`${field}-problem`);
  message.textContent = text;
  if (jobId) {
    const link = Object.assign(document.createElement("a"), { textContent: "Open that import" });
    link.href = `${form.dataset.jobs}/${jobId}`;
    message.append(" ", link, ".");
  }
  find(field).ariaInvalid = "true";
  find(field).focus({ preventScroll: true });
  find(`${field}-zone`).scrollIntoView({ block: "nearest" });
}
