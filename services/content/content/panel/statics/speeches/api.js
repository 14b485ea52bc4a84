// Calls the JSON API. The access token stays in this page's memory.

const RENEW_BEFORE_MS = 30_000;
let token = null;

export class Problem extends Error {
  constructor(status, body) {
    super(body.detail || "The server did not respond. Try again in a moment.");
    this.status = status;
    this.body = body;
  }
}

function csrfToken() {
  return document.querySelector('meta[name="csrf-token"]').content;
}

async function accessToken() {
  if (token && Date.now() < token.expiresAt - RENEW_BEFORE_MS) return token.value;
  const response = await fetch("/admin/token", {
    method: "POST",
    headers: { "X-CSRF-Token": csrfToken(), Accept: "application/json" },
  });
  const body = await readJson(response);
  if (response.status === 401) throw new Problem(401, { detail: "Your session has ended. Save the speech to sign in again; your input will be restored." });
  if (!response.ok) throw new Problem(response.status, body);
  token = { value: body.access_token, expiresAt: Date.now() + body.expires_in * 1000 };
  return token.value;
}

async function readJson(response) {
  try {
    return await response.json();
  } catch {
    return {};
  }
}

/** Send a form, and call `onProgress` with shares from 0 to 1 while it is being sent. */
export async function postForm(path, form, onProgress = () => {}) {
  const bearer = await accessToken();
  const request = new XMLHttpRequest();
  const answered = new Promise((resolve, reject) => {
    request.addEventListener("load", resolve);
    request.addEventListener("error", () => reject(new Problem(0, {})));
    request.addEventListener("abort", () => reject(new Problem(0, {})));
  });
  request.upload.addEventListener("progress", (event) => {
    if (event.lengthComputable) onProgress(event.loaded / event.total);
  });
  request.open("POST", path);
  request.setRequestHeader("Authorization", `Bearer ${bearer}`);
  request.setRequestHeader("Accept", "application/json");
  request.send(form);
  await answered;
  const body = parse(request.responseText);
  if (request.status >= 300) throw new Problem(request.status, body);
  return body;
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}
