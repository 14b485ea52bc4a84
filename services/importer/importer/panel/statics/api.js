// Calls the JSON API. The access token stays in this page's memory.

const EARLY_MS = 30_000;
const MAX_ATTEMPTS = 4;
let token = null;
let expiresAt = 0;

/** An error with a message for the user. `problem` is the response's problem document. */
export class Refused extends Error {
  constructor(problem, status) {
    super(problem?.detail ?? "The server does not respond. Check your connection and try again.");
    this.problem = problem ?? {};
    this.status = status;
  }
}

export class SessionEnded extends Refused {
  constructor() {
    super({ detail: "Your session has ended. Sign in again to continue; uploaded files are kept." }, 401);
  }
}

/** Return the header of a request to the API. Throws SessionEnded. */
export async function authorization() {
  if (!token || Date.now() > expiresAt - EARLY_MS) {
    const csrf = document.querySelector('meta[name="csrf-token"]').content;
    const response = await reach("/admin/token", { method: "POST", headers: { "X-CSRF-Token": csrf } });
    if (response.status === 401 || response.status === 403) throw new SessionEnded();
    const body = await read(response);
    token = body.access_token;
    expiresAt = Date.now() + body.expires_in * 1000;
  }
  return `Bearer ${token}`;
}

/** Call the API and return its response. Throws Refused. */
export async function call(path, { headers, ...options } = {}) {
  const response = await reach(path, { ...options, headers: { ...headers, Authorization: await authorization() } });
  if (response.status === 401) token = null;
  if (!response.ok) await read(response);
  return response;
}

async function reach(path, options) {
  try {
    return await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused(null, 0);
  }
}

async function read(response) {
  const body = await response.json().catch(() => null);
  if (!response.ok) throw new Refused(body, response.status);
  return body;
}

/**
 * Send a form and return the response's JSON. `onProgress` gets the number of bytes sent, which fetch cannot report.
 * Requests are retried if the server is busy or the connection breaks: the API stores the same file only once.
 */
export async function sendForm(path, form, onProgress) {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await sendOnce(path, form, onProgress);
    } catch (error) {
      const isPassing = error instanceof Refused && [0, 401, 429, 502, 503, 504].includes(error.status);
      if (!isPassing || error instanceof SessionEnded || attempt === MAX_ATTEMPTS) throw error;
      if (error.status === 401) token = null;
      else await pause((error.retryAfter || 2 ** attempt) * 1000);
    }
  }
}

async function sendOnce(path, form, onProgress) {
  const header = await authorization();
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", path);
    request.responseType = "json";
    request.setRequestHeader("Authorization", header);
    request.upload.addEventListener("progress", (event) => onProgress(event.loaded));
    request.addEventListener("error", () => reject(new Refused(null, 0)));
    request.addEventListener("load", () => {
      if (request.status < 400) return resolve(request.response);
      const error = new Refused(request.response, request.status);
      error.retryAfter = Number(request.getResponseHeader("Retry-After"));
      return reject(error);
    });
    request.send(form);
  });
}

export function pause(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
