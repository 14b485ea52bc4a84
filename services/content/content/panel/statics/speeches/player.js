// Plays one recording and draws its waveform. A click or the arrow keys move the position.

import { toMono } from "./wav.js";

const BAR = 3;
const STEP_SECONDS = 0.5;

export function formatTime(seconds) {
  const tenths = Math.round(seconds * 10);
  return `${Math.floor(tenths / 600)}:${String(Math.floor((tenths % 600) / 10)).padStart(2, "0")}.${tenths % 10}`;
}

export class Player {
  constructor(root) {
    this.root = root;
    this.button = root.querySelector("[data-play]");
    this.canvas = root.querySelector("canvas");
    this.time = root.querySelector("[data-time]");
    this.position = 0;
    this.button.addEventListener("click", () => (this.source ? this.pause() : this.play()));
    this.canvas.addEventListener("pointerdown", (event) => {
      const box = this.canvas.getBoundingClientRect();
      this.seek(((event.clientX - box.left) / box.width) * this.duration);
    });
    this.canvas.addEventListener("keydown", (event) => this.onKey(event));
    new ResizeObserver(() => this.draw()).observe(this.canvas);
  }

  get duration() {
    return this.sound ? this.sound.duration : 0;
  }

  load(sound) {
    this.pause();
    this.sound = sound;
    this.position = 0;
    this.peaks = null;
    this.root.hidden = false;
    this.draw();
  }

  clear() {
    this.pause();
    this.sound = null;
    this.root.hidden = true;
  }

  play(from = null, until = null) {
    if (!this.sound) return;
    this.pause();
    this.context ??= new AudioContext();
    this.context.resume();
    const begin = from ?? (this.position >= this.duration - 0.01 ? 0 : this.position);
    this.source = this.context.createBufferSource();
    this.source.buffer = this.sound;
    this.source.connect(this.context.destination);
    this.startedAt = this.context.currentTime - begin;
    const source = this.source;
    source.addEventListener("ended", () => {
      if (this.source === source) this.stop(until ?? this.duration);
    });
    if (until === null) source.start(0, begin);
    else source.start(0, begin, Math.max(0.05, until - begin));
    this.label("Pause");
    this.follow();
  }

  pause() {
    if (this.source) this.stop(this.context.currentTime - this.startedAt);
  }

  stop(position) {
    const source = this.source;
    this.source = null;
    source.stop();
    this.position = Math.min(position, this.duration);
    this.label("Play");
    this.draw();
  }

  seek(seconds) {
    if (!this.sound) return;
    const isPlaying = Boolean(this.source);
    this.pause();
    this.position = Math.max(0, Math.min(this.duration, seconds));
    if (isPlaying) this.play();
    else this.draw();
  }

  onKey(event) {
    const steps = { ArrowLeft: -STEP_SECONDS, ArrowRight: STEP_SECONDS, Home: -Infinity, End: Infinity };
    if (!(event.key in steps)) return;
    event.preventDefault();
    this.seek(this.position + steps[event.key]);
  }

  label(text) {
    this.button.textContent = text;
    this.button.setAttribute("aria-label", `${text} the recording`);
  }

  follow() {
    if (!this.source) return;
    this.position = Math.min(this.duration, this.context.currentTime - this.startedAt);
    this.draw();
    requestAnimationFrame(() => this.follow());
  }

  draw() {
    if (!this.sound) return;
    this.time.textContent = `${formatTime(this.position)} / ${formatTime(this.duration)}`;
    this.canvas.setAttribute("aria-valuemax", this.duration.toFixed(1));
    this.canvas.setAttribute("aria-valuenow", this.position.toFixed(1));
    this.canvas.setAttribute("aria-valuetext", this.time.textContent);
    const ratio = window.devicePixelRatio || 1;
    const width = Math.round(this.canvas.clientWidth * ratio);
    const height = Math.round(this.canvas.clientHeight * ratio);
    if (!width || !height) return;
    if (!this.peaks || this.canvas.width !== width || this.canvas.height !== height) {
      this.canvas.width = width;
      this.canvas.height = height;
      this.peaks = measurePeaks(toMono(this.sound), Math.max(1, Math.floor(width / (BAR * ratio))));
    }
    const style = getComputedStyle(this.canvas);
    const pen = this.canvas.getContext("2d");
    const step = width / this.peaks.length;
    const played = (this.position / this.duration) * this.peaks.length;
    pen.clearRect(0, 0, width, height);
    this.peaks.forEach((peak, index) => {
      const size = Math.max(2 * ratio, peak * height * 0.95);
      pen.fillStyle = index < played ? style.accentColor : style.color;
      pen.fillRect(index * step, (height - size) / 2, Math.max(1, step * 0.66), size);
    });
  }
}

/** Return the loudest sample of each of `count` equal parts, where the loudest of all is 1. */
function measurePeaks(samples, count) {
  const peaks = new Float32Array(count);
  for (let at = 0; at < samples.length; at += 1) {
    const part = Math.min(count - 1, Math.floor((at / samples.length) * count));
    const size = Math.abs(samples[at]);
    if (size > peaks[part]) peaks[part] = size;
  }
  const highest = Math.max(...peaks, 0.01);
  return Array.from(peaks, (peak) => peak / highest);
}
