// Records from the microphone.

export function canRecord() {
  return Boolean(navigator.mediaDevices?.getUserMedia && window.MediaRecorder);
}

/** Start recording. Returns a function that stops it and resolves to the bytes. */
export async function startRecording() {
  const stream = await navigator.mediaDevices.getUserMedia({
    audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false },
  });
  const chunks = [];
  const recorder = new MediaRecorder(stream);
  recorder.addEventListener("dataavailable", (event) => chunks.push(event.data));
  const ended = new Promise((resolve) => recorder.addEventListener("stop", resolve, { once: true }));
  recorder.start();
  return async () => {
    if (recorder.state !== "inactive") recorder.stop();
    await ended;
    stream.getTracks().forEach((track) => track.stop());
    return new Blob(chunks, { type: recorder.mimeType }).arrayBuffer();
  };
}

export function describeRecordingError(error) {
  if (error.name === "NotAllowedError") return "The browser is not allowed to use the microphone. Allow it in the address bar, or choose a file.";
  if (error.name === "NotFoundError") return "No microphone was found. Connect one, or choose a file.";
  return "The microphone cannot be used. Choose a file instead.";
}
