// What the pages behind the links in e-mails share: the token of the link, and how an answer is told.

const PATIENCE_MS = 20_000;
const NAMES = { "#/password": "Password", "#/token": "Link" };
const form = document.getElementById("form");
const message = document.getElementById("message");
const button = document.getElementById("send");

const token = takeToken();
// Another link of the kind, opened in the same tab, changes nothing but the fragment.
addEventListener("hashchange", () => location.reload());

/**
 * Show the form if there is a token to send, and send it when the form is submitted.
 *
 * `body()` gives what goes with the token, or null when the person has to change something first.
 * `done` and `renew` are sentences: what has been achieved, and what helps when the link does not.
 */
export function offer(address, { body, done, renew }) {
  if (!token) {
    tell("problem", "This link is not complete.", [], `Open it from the e-mail again. If it stays like this: ${renew}`);
    return;
  }
  form.hidden = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const more = button.ariaDisabled === "true" ? null : body();
    if (more === null) return;
    busy(true);
    await send(address, { token, ...more }, { done, renew });
    busy(false);
  });
}

/** Say how it went. Text that came from elsewhere stays text. */
function tell(kind, sentence, points = [], advice = "") {
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

/** Say what is wrong with a field, and go there; what is said stays in sight. */
export function refuse(field, sentence, points) {
  field.ariaInvalid = "true";
  tell("problem", sentence, points);
  field.focus({ preventScroll: true });
}

function takeToken() {
  const found = new URLSearchParams(location.hash.slice(1)).get("token");
  // Out of the address bar, the history and every screenshot.
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
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
  } catch {
    tell("problem", "The server could not be reached.", [], "Check your connection, then try again.");
    return;
  }
  if (answer.ok) {
    finish("success", done);
    return;
  }
  const problem = await answer.json().catch(() => ({}));
  const points = (problem.errors ?? []).map((each) => `${NAMES[each.pointer] ?? each.pointer}: ${each.message}`);
  explain(answer, problem, points, renew);
}

function explain(answer, problem, points, renew) {
  const sentence = problem.detail ?? "Something went wrong on our side.";
  const atFault = (problem.errors ?? []).map((each) => each.pointer);
  if (answer.status === 429) {
    const seconds = Number(answer.headers.get("Retry-After")) || 60;
    tell("problem", sentence, [], `Your link is still good. Use the button again in ${seconds} s.`);
  } else if (answer.status >= 500) {
    tell("problem", sentence, [], "Your link is still good. Use the button again in a moment.");
  } else if (atFault.length && !atFault.includes("#/token")) {
    refuse(document.getElementById("password"), "This password cannot be used.", points);
  } else {
    finish("problem", sentence, renew);
  }
}

/** The last word: what was sent cannot be sent again. */
function finish(kind, sentence, advice) {
  form.reset();
  form.hidden = true;
  tell(kind, sentence, [], advice);
  // The button that had the focus is gone.
  message.focus();
}

function busy(now) {
  // Not `disabled`, which would take the focus away.
  button.ariaDisabled = String(now);
  if (now) tell("waiting", "One moment …");
}

function element(name, text) {
  const made = document.createElement(name);
  made.textContent = text;
  return made;
}
