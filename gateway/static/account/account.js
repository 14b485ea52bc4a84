// Shared by the pages that links in e-mails open: reads the link's token, sends it, and shows the result.

const TIMEOUT_MS = 20_000;
const NAMES = { "#/password": "Password", "#/token": "Link" };
const form = document.getElementById("form");
const message = document.getElementById("message");
const button = document.getElementById("send");

const token = takeToken();
// Opening another link of this kind in the same tab changes only the fragment.
addEventListener("hashchange", () => location.reload());

/**
 * Show the form if there is a token to send, and send it when the form is submitted.
 *
 * `body()` returns the other fields of the request, or null when the user must correct something first.
 * `done` and `renew` are sentences for the user: the result, and what to do when the link does not work.
 */
export function offer(address, { body, done, renew }) {
  if (!token) {
    show("problem", "This link is incomplete.", [], `Open it from the e-mail again. If that does not help: ${renew}`);
    return;
  }
  form.hidden = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const more = button.ariaDisabled === "true" ? null : body();
    if (more !== null) await submit(address, { token, ...more }, { done, renew });
  });
}

/** Let another button of the form send the token elsewhere, without other fields. */
export function offerInstead(other, address, { done, renew }) {
  other.addEventListener("click", async () => {
    if (button.ariaDisabled !== "true") await submit(address, { token }, { done, renew });
  });
}

async function submit(address, body, sentences) {
  busy(true);
  await send(address, body, sentences);
  busy(false);
}

/** Show a message. All text is inserted as text, never as HTML. */
function show(kind, sentence, points = [], advice = "") {
  const list = document.createElement("ul");
  list.append(...points.map((point) => element("li", point)));
  message.className = kind;
  message.replaceChildren(
    element("p", sentence),
    ...(points.length ? [list] : []),
    ...(advice ? [element("p", advice)] : []),
  );
  message.scrollIntoView({ block: "nearest" });
}

/** Show what is wrong with a field and focus it; the message stays visible. */
export function refuse(field, sentence, points = []) {
  field.ariaInvalid = "true";
  show("problem", sentence, points);
  field.focus({ preventScroll: true });
}

function takeToken() {
  const found = new URLSearchParams(location.hash.slice(1)).get("token");
  // Removes the token from the address bar, the history and screenshots.
  history.replaceState(null, "", location.pathname);
  return found;
}

async function send(address, body, { done, renew }) {
  let answer;
  try {
    answer = await fetch(address, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
      credentials: "omit",
      cache: "no-store",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
  } catch {
    show("problem", "The server could not be reached.", [], "Check your connection, then try again.");
    return;
  }
  if (answer.ok) {
    finish("success", done);
    return;
  }
  const problem = await answer.json().catch(() => ({}));
  const points = (problem.errors ?? []).map((error) => `${NAMES[error.pointer] ?? error.pointer}: ${error.message}`);
  explain(answer, problem, points, renew);
}

function explain(answer, problem, points, renew) {
  const sentence = problem.detail ?? "Something went wrong on our side.";
  const atFault = (problem.errors ?? []).map((error) => error.pointer);
  if (answer.status === 429) {
    const seconds = Number(answer.headers.get("Retry-After")) || 60;
    show("problem", sentence, [], `Your link still works. Use the button again in ${seconds} s.`);
  } else if (answer.status >= 500) {
    show("problem", sentence, [], "Your link still works. Use the button again in a moment.");
  } else if (problem.code === "wrong_password") {
    refuse(document.getElementById("password"), sentence);
  } else if (atFault.length && !atFault.includes("#/token")) {
    refuse(document.getElementById("password"), "This password cannot be used.", points);
  } else {
    finish("problem", sentence, renew);
  }
}

/** Show the final message and remove the form. */
function finish(kind, sentence, advice) {
  form.reset();
  form.hidden = true;
  show(kind, sentence, [], advice);
  // The focused button is hidden now.
  message.focus();
}

function busy(now) {
  // `disabled` would remove the focus.
  button.ariaDisabled = String(now);
  if (now) show("waiting", "One moment …");
}

function element(name, text) {
  const made = document.createElement(name);
  made.textContent = text;
  return made;
}
