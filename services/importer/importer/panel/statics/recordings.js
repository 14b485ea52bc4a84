// Uploads recordings in batches, and shows the progress and the result of each file.
import { Refused, sendForm } from "./api.js";

const PATH = "/api/v1/admin/import/audio";
const MAX_BATCH_FILES = 20;
const MAX_BATCH_BYTES = 16 * 1024 * 1024;
const LOST = new Set(["upload_session_not_found", "upload_session_expired", "not_your_upload_session"]);

/** Whether the upload session of the recordings can no longer be used. */
export const isOfRecordings = (error) => LOST.has(error.problem.code);

export class Recordings {
  /** `onSession` gets the id of the upload session that the first recording opens, or "" if it is lost. */
  constructor({ list, summary, again, session, onSession }) {
    this.list = list;
    this.summary = summary;
    this.again = again;
    this.session = session;
    this.onSession = onSession;
    this.items = [];
    this.isSending = false;
    again.addEventListener("click", () => this.retry());
  }

  get kept() {
    return this.items.reduce((sum, item) => sum + item.kept, 0);
  }

  add(files) {
    this.items.push(...files.map((file) => new Item(file, this.list)));
    this.list.hidden = !this.items.length;
    this.send();
  }

  retry() {
    for (const item of this.items) if (item.state === "failed") item.show("waiting", "Waiting");
    this.send();
  }

  async send() {
    if (this.isSending) return;
    this.isSending = true;
    this.again.hidden = true;
    let problem = "";
    try {
      for (let batch = this.next(); batch.length; batch = this.next()) await this.sendBatch(batch);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      problem = error.message;
      if (isOfRecordings(error)) this.leaveSession();
      for (const item of this.items) if (item.isOpen) item.fail();
      this.again.hidden = false;
    } finally {
      this.isSending = false;
      this.summarize(problem);
    }
  }

  /** An archive is sent alone, so that its recordings are not mixed with those of other files. */
  next() {
    const batch = [];
    let bytes = 0;
    for (const item of this.items) {
      if (item.state !== "waiting") continue;
      const isFull = batch.length === MAX_BATCH_FILES || bytes + item.file.size > MAX_BATCH_BYTES;
      if (batch.length && (isFull || item.isArchive)) break;
      batch.push(item);
      bytes += item.file.size;
      if (item.isArchive) break;
    }
    return batch;
  }

  async sendBatch(batch) {
    const form = new FormData();
    // The API requires it before the files.
    if (this.session) form.append("upload_session_id", this.session);
    for (const item of batch) {
      form.append("files[]", item.file, item.file.name);
      item.show("sending", "Uploading");
    }
    this.summarize();
    const response = await sendForm(PATH, form, (sent) => showProgress(batch, sent)).catch((error) => {
      this.keepSession(error.problem?.upload_session_id);
      throw error;
    });
    this.keepSession(response.upload_session_id);
    settle(batch, response);
    this.summarize();
  }

  keepSession(id) {
    if (!id || this.session) return;
    this.session = id;
    this.onSession(id);
  }

  /** Forget an upload session that has ended, so that its recordings can be uploaded again. */
  leaveSession() {
    this.session = "";
    this.onSession("");
    for (const item of this.items) if (item.state === "kept") item.fail();
    this.again.hidden = !this.items.length;
    this.summarize();
  }

  summarize(problem = "") {
    const count = (state) => this.items.filter((item) => item.state === state).length;
    const [refused, open] = [count("refused"), this.items.filter((item) => item.isOpen).length];
    const parts = [`${this.kept} ${this.kept === 1 ? "recording" : "recordings"} uploaded`];
    if (open) parts.push(`${open} to go`);
    if (refused) parts.push(`${refused} refused`);
    this.summary.textContent = [`${parts.join(", ")}.`, problem].join(" ").trim();
    this.summary.classList.toggle("is-problem", Boolean(problem));
  }
}

class Item {
  constructor(file, list) {
    this.file = file;
    this.kept = 0;
    this.row = document.createElement("li");
    this.bar = Object.assign(document.createElement("progress"), { max: 100, value: 0 });
    this.bar.ariaLabel = `Upload of ${file.name}`;
    this.text = document.createElement("span");
    this.text.className = "file-state";
    const name = Object.assign(document.createElement("span"), { className: "file-name", textContent: file.name });
    this.row.append(name, this.bar, this.text);
    list.append(this.row);
    this.show("waiting", "Waiting");
  }

  get isArchive() {
    return this.file.name.toLowerCase().endsWith(".zip");
  }

  get isOpen() {
    return ["waiting", "sending"].includes(this.state);
  }

  fail() {
    this.kept = 0;
    this.show("failed", "Not uploaded");
  }

  show(state, text) {
    this.state = state;
    this.row.dataset.state = state;
    this.text.textContent = text;
    if (state !== "sending") this.bar.value = this.isOpen || state === "failed" ? 0 : 100;
  }
}

/** Distribute the sent bytes over the files, which are sent one after the other. */
function showProgress(batch, sent) {
  let left = sent;
  for (const item of batch) {
    const share = Math.min(left, item.file.size);
    item.bar.value = item.file.size ? (100 * share) / item.file.size : 100;
    if (share === item.file.size) item.text.textContent = "Checking";
    left -= share;
  }
}

/** Assign the results to the files. Results with another name come from an archive. */
function settle(batch, response) {
  const uploaded = [...response.uploaded_files];
  const rejected = [...response.rejected];
  for (const item of batch) {
    const stored = take(uploaded, item);
    const refusal = stored ? null : take(rejected, item);
    if (stored) {
      item.kept = 1;
      item.show("kept", describe(stored));
    } else if (refusal) item.show("refused", refusal.detail);
    else settleArchive(item, uploaded, rejected);
  }
}

function take(results, item) {
  const name = item.file.name.normalize("NFC");
  const at = results.findIndex((file) => file.original_filename.normalize("NFC") === name);
  return at < 0 ? null : results.splice(at, 1)[0];
}

function describe(stored) {
  if (stored.already_there) return "Already uploaded";
  const isRenamed = stored.stored_filename !== stored.original_filename;
  return isRenamed ? `Uploaded as ${stored.stored_filename}` : "Uploaded";
}

function settleArchive(item, uploaded, rejected) {
  item.kept = uploaded.length;
  const refusals = rejected.map((file) => `${file.original_filename}: ${file.detail}`);
  const count = `${uploaded.length} ${uploaded.length === 1 ? "recording" : "recordings"} uploaded`;
  item.show(uploaded.length ? "kept" : "refused", [count, ...refusals].join("; "));
  uploaded.length = 0;
  rejected.length = 0;
}
