// Converts recordings to WAV: browsers record WebM, which learners' phones may not play.

const SAMPLE_RATE = 44_100;
const HEADER_BYTES = 44;

/** Decode a recording in any format that the browser supports. */
export async function decode(bytes) {
  const context = new OfflineAudioContext(1, 1, SAMPLE_RATE);
  return context.decodeAudioData(bytes);
}

/** Return the mean of all channels. */
export function toMono(sound) {
  const mono = new Float32Array(sound.length);
  for (let channel = 0; channel < sound.numberOfChannels; channel += 1) {
    const samples = sound.getChannelData(channel);
    for (let at = 0; at < mono.length; at += 1) mono[at] += samples[at] / sound.numberOfChannels;
  }
  return mono;
}

/** Encode samples as mono 16-bit PCM. */
export function encode(sound) {
  const samples = toMono(sound);
  const view = new DataView(new ArrayBuffer(HEADER_BYTES + samples.length * 2));
  const words = [
    ["RIFF", 0], ["WAVE", 8], ["fmt ", 12], ["data", 36],
  ];
  for (const [word, at] of words) {
    [...word].forEach((letter, index) => view.setUint8(at + index, letter.charCodeAt(0)));
  }
  view.setUint32(4, HEADER_BYTES - 8 + samples.length * 2, true);
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true);
  view.setUint16(22, 1, true);
  view.setUint32(24, sound.sampleRate, true);
  view.setUint32(28, sound.sampleRate * 2, true);
  view.setUint16(32, 2, true);
  view.setUint16(34, 16, true);
  view.setUint32(40, samples.length * 2, true);
  samples.forEach((sample, index) => {
    const value = Math.max(-1, Math.min(1, sample));
    view.setInt16(HEADER_BYTES + index * 2, Math.round(value * 32_767), true);
  });
  return new Blob([view.buffer], { type: "audio/wav" });
}
