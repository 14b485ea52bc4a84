// The recording of a speech in its form: choose, drop or record it, play it, and check it against the text.

import { postForm } from "./api.js";
import { Player } from "./player.js";
import { canRecord, describeRecordingError, startRecording } from "./recorder.js";
import { scoreRecording, showProblem, showScore } from "./scoring.js";
import { decode, encode } from "./wav.js";

const MAX_BYTES = 10 * 1024 * 1024;
const AUDIO_FILE_NAME = /\.(mp3|wav|m4a)$/i;

class RecordingField {
  constructor(root) {
    this.root = root;
    this.form = root.closest("form");
    this.key = this.form.elements.audio_key;
    this.player = new Player(this.find("player"));
    this.status = this.find("status");
    this.problem = this.find("problem");
    this.progress = root.querySelector("progress");
    this.result = this.find("result");
    this.sequence = 0;
    this.listen();
    this.find("record").hidden = !canRecord();
    root.hidden = false;
    this.key.hidden = true;
    if (this.key.value) this.loadStored();
  }

  find(name) {
    return this.root.querySelector(`[data-${name}]`);
  }

  listen() {
    const input = this.root.querySelector('input[type="file"]');
    input.addEventListener("change", () => {
      this.take(input.files);
      input.value = "";
    });
    this.find("record").addEventListener("click", () => this.toggleRecording());
    this.find("check").addEventListener("click", () => this.check());
    const zone = this.find("drop");
    for (const name of ["dragenter", "dragover"]) zone.addEventListener(name, (event) => this.drag(event, true));
    for (const name of ["dragleave", "drop"]) zone.addEventListener(name, (event) => this.drag(event, false));
    zone.addEventListener("drop", (event) => this.take(event.dataTransfer.files));
    this.form.elements.text.addEventListener("input", () => this.result.replaceChildren());
  }

  drag(event, isOver) {
    event.preventDefault();
    this.find("drop").classList.toggle("is-over", isOver);
  }

  showStatus(status, problem = "") {
    this.status.textContent = status;
    this.problem.textContent = problem;
  }

  async take(files) {
    if (files.length > 1) return this.showStatus("", "A speech has one recording. Drop a single file.");
    const [file] = files;
    if (!file) return null;
    if (!AUDIO_FILE_NAME.test(file.name)) return this.showStatus("", `${file.name} is not an MP3, WAV or M4A file.`);
    if (file.size > MAX_BYTES) return this.showStatus("", `${file.name} is larger than 10 MB.`);
    return this.upload(file, file.name);
  }

  async toggleRecording() {
    const button = this.find("record");
    if (this.stopRecording) {
      const stop = this.stopRecording;
      this.stopRecording = null;
      button.textContent = "Record again";
      try {
        return this.upload(encode(await decode(await stop())), `recording-${Date.now()}.wav`);
      } catch {
        return this.showStatus("", "Nothing was recorded. Try again, and record for longer.");
      }
    }
    try {
      this.stopRecording = await startRecording();
    } catch (error) {
      return this.showStatus("", describeRecordingError(error));
    }
    button.textContent = "Stop recording";
    return this.showStatus("Recording… Read the text aloud.");
  }

  async upload(recording, name) {
    const sequence = (this.sequence += 1);
    this.result.replaceChildren();
    this.showStatus("Uploading…");
    await this.show(recording);
    this.showProgress(0);
    try {
      const body = new FormData();
      body.append("files[]", recording, name);
      const response = await postForm("/api/v1/admin/import/audio", body, (share) => this.showProgress(share));
      if (sequence !== this.sequence) return;
      const [stored] = response.uploaded_files;
      if (!stored) return this.reject(response.rejected[0].detail);
      this.key.value = stored.audio_key;
      this.key.dispatchEvent(new Event("input", { bubbles: true }));
      this.showStatus("The recording is uploaded. Save the speech to use it.");
    } catch (error) {
      if (sequence === this.sequence) this.showStatus("", error.message);
    } finally {
      if (sequence === this.sequence) this.progress.hidden = true;
    }
  }

  /** Show the speech's own recording again, so that the refused one is not mistaken for it. */
  reject(detail) {
    this.showStatus("", detail);
    if (this.key.value) return this.loadStored();
    this.player.clear();
    this.find("check").hidden = true;
  }

  showProgress(share) {
    this.progress.hidden = false;
    this.progress.value = share;
  }

  async show(recording) {
    this.recording = recording;
    this.find("check").hidden = false;
    try {
      this.player.load(await decode(await recording.arrayBuffer()));
    } catch {
      // The server may support a format that this browser cannot play.
      this.player.clear();
    }
  }

  async loadStored() {
    const sequence = this.sequence;
    const address = `${this.root.dataset.source}?${new URLSearchParams({ key: this.key.value })}`;
    const response = await fetch(address).catch(() => null);
    if (sequence !== this.sequence) return;
    if (!response?.ok) return this.showStatus("", "The recording cannot be loaded. It may be missing: upload it again.");
    await this.show(await response.blob());
  }

  async check() {
    const button = this.find("check");
    const text = this.form.elements.text.value.trim();
    if (!text) return this.showStatus("", "Enter the text first, so that the recording can be compared with it.");
    button.disabled = true;
    this.result.replaceChildren();
    this.showStatus("Checking…");
    try {
      const score = await scoreRecording(this.recording, text);
      showScore(this.result, score, (begin, end) => this.player.play(begin, end));
    } catch (error) {
      showProblem(this.result, error);
    }
    button.disabled = false;
    return this.showStatus("");
  }
}

document.querySelectorAll("[data-recording]").forEach((root) => new RecordingField(root));
