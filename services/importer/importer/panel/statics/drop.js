// A zone that accepts dropped files and folders, and files that are chosen in its field.

/** Call `take` with the files. The field is emptied, so that the same files can be chosen again. */
export function takeFiles(zone, input, take) {
  input.addEventListener("change", () => {
    take([...input.files]);
    input.value = "";
  });
  for (const name of ["dragenter", "dragover"]) {
    zone.addEventListener(name, (event) => {
      event.preventDefault();
      zone.classList.add("is-over");
    });
  }
  zone.addEventListener("dragleave", () => zone.classList.remove("is-over"));
  zone.addEventListener("drop", async (event) => {
    event.preventDefault();
    zone.classList.remove("is-over");
    take(await listFiles(event.dataTransfer));
  });
  // A file that misses the zone would replace the page.
  for (const name of ["dragover", "drop"]) window.addEventListener(name, (event) => event.preventDefault());
}

async function listFiles(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.some((entry) => entry.isDirectory)) return [...transfer.files];
  const files = await Promise.all(entries.map(listEntry));
  return files.flat().filter((file) => !file.name.startsWith("."));
}

async function listEntry(entry) {
  if (entry.isFile) return [await new Promise((resolve, reject) => entry.file(resolve, reject))];
  const reader = entry.createReader();
  const files = [];
  // A reader returns at most a hundred entries at a time.
  for (;;) {
    const part = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!part.length) return files;
    files.push(...(await Promise.all(part.map(listEntry))).flat());
  }
}
