// Plays the recordings of a list. Nothing is loaded before a button is pressed, and one plays at a time.

let audio = null;
let playing = null;

function label(button, text) {
  button.textContent = text === "Play" ? "▶" : "⏸";
  button.setAttribute("aria-label", `${text}: ${button.dataset.text}`);
}

function stop() {
  if (!playing) return;
  audio.pause();
  label(playing, "Play");
  playing = null;
}

function play(button) {
  stop();
  audio ??= new Audio();
  audio.src = button.dataset.audio;
  playing = button;
  label(button, "Stop");
  audio.onended = stop;
  audio.onerror = () => fail(button);
  audio.play().catch(() => fail(button));
}

function fail(button) {
  if (playing !== button) return;
  stop();
  button.disabled = true;
  button.textContent = "✕";
  button.setAttribute("aria-label", `Cannot be played: ${button.dataset.text}`);
  button.title = "The recording cannot be played. Reload the page; if that does not help, it is missing.";
}

document.querySelectorAll("button[data-audio]").forEach((button) => {
  label(button, "Play");
  button.hidden = false;
  button.addEventListener("click", () => (playing === button ? stop() : play(button)));
});
