// Scores this recording with the scorer of learners' recordings, before learners play the speech.

import { postForm } from "./api.js";

const LOW_SCORE = 60;
const LABELS = {
  omission: "not found in the recording",
  insertion: "not in the text",
  mispronunciation: "sounds like something else",
};
const REASONS = {
  no_speech: "No speech was found in the recording.",
  too_noisy: "The recording is too noisy.",
  too_short: "The recording is too short.",
  clipped: "The recording is clipped: its level is too high.",
  low_quality: "The quality of the recording is too low.",
  other_text: "The recording does not seem to match the text.",
};

export async function scoreRecording(recording, text) {
  const form = new FormData();
  form.append("reference_text", text);
  form.append("audio", recording, "recording");
  return postForm("/api/v1/speech/score", form);
}

/** Show the result. `onPlay` is called with the seconds at which a word begins and ends. */
export function showScore(root, score, onPlay) {
  const words = score.word_scores;
  const doubtful = words.filter((word) => describeWord(word));
  const summary = doubtful.length
    ? `${doubtful.length} of ${words.length} words deserve another look.`
    : "Every word was recognized.";
  root.replaceChildren(
    paragraph(summary, doubtful.length ? "check-doubt" : "check-fine"),
    paragraph(`Recognized: ${score.recognized_text || "nothing"}`),
    listWords(words, onPlay),
  );
}

export function showProblem(root, problem) {
  const reason = REASONS[problem.body?.reason];
  const field = problem.body?.errors?.[0];
  const text = reason ?? (field ? field.message : problem.message);
  root.replaceChildren(
    paragraph(text, "check-doubt"),
    paragraph("You can still save the speech."),
  );
}

function listWords(words, onPlay) {
  const list = document.createElement("ul");
  list.className = "check-words";
  for (const word of words) {
    const item = document.createElement("li");
    const doubt = describeWord(word);
    item.className = doubt ? "check-doubt" : "check-fine";
    item.append(wordButton(word, onPlay));
    if (word.score !== null) item.append(` ${Math.round(word.score)}`);
    if (doubt) item.append(`: ${doubt}`);
    list.append(item);
  }
  return list;
}

function wordButton(word, onPlay) {
  if (word.offset_ms === null || word.duration_ms === null) return document.createTextNode(word.word);
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = word.word;
  button.setAttribute("aria-label", `Play “${word.word}”`);
  const begin = word.offset_ms / 1000;
  button.addEventListener("click", () => onPlay(begin, begin + word.duration_ms / 1000));
  return button;
}

function describeWord(word) {
  if (word.error_type !== "none") return LABELS[word.error_type];
  return word.score !== null && word.score < LOW_SCORE ? "not clear" : "";
}

function paragraph(text, className = "") {
  const element = document.createElement("p");
  element.className = className;
  element.textContent = text;
  return element;
}
