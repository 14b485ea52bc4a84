// Keeps the input of a form if saving it returns no page, for example because the session has ended.
//
// A sent form is stored in the tab's sessionStorage until a page of the panel shows that it was saved, or another page is
// opened. The form's own page restores it, and the sign-on in between keeps it. Passwords and files are never stored.
"use strict";

const DRAFT = "parley.draft";
const SIGN_ON = "/admin/login";
// Taken from the new page, because another session has another value.
const NOT_KEPT = new Set(["csrf_token"]);
const SECRET_TYPES = new Set(["password", "file"]);

function listFields(form) {
  return [...form.elements].filter((field) => field.name && !NOT_KEPT.has(field.name) && !SECRET_TYPES.has(field.type));
}

function readField(field) {
  if (field instanceof HTMLSelectElement) return [...field.selectedOptions].map(({ value, text }) => ({ value, text }));
  return field.type === "checkbox" ? field.checked : field.value;
}

function writeField(field, kept) {
  if (!(field instanceof HTMLSelectElement)) {
    if (typeof kept === "boolean") field.checked = kept;
    else field.value = kept;
    return;
  }
  for (const option of field.options) option.selected = false;
  for (const { value, text } of kept) {
    const known = [...field.options].find((option) => option.value === value);
    if (known) known.selected = true;
    // A new page does not have the options that were found by typing.
    else if (field.dataset.lookup) field.add(new Option(text, value, true, true));
  }
}

function keepDraft(form) {
  const values = listFields(form).map((field) => [field.name, readField(field)]);
  const { pathname: path } = new URL(form.getAttribute("action") ?? "", location.href);
  const draft = { path, user: form.dataset.user, values };
  try {
    sessionStorage.setItem(DRAFT, JSON.stringify(draft));
  } catch {
    // Without storage, the input is lost when the page is left.
  }
}

function dropDraft() {
  try {
    sessionStorage.removeItem(DRAFT);
  } catch {
    // As above.
  }
}

function readDraft() {
  try {
    return JSON.parse(sessionStorage.getItem(DRAFT));
  } catch {
    return null;
  }
}

function restoreDraft(form, draft) {
  const values = new Map(draft.values);
  for (const field of listFields(form)) if (values.has(field.name)) writeField(field, values.get(field.name));
  form.setAttribute("data-changed", "");
  const notice = document.createElement("div");
  notice.className = "message warning";
  notice.setAttribute("role", "status");
  const text = document.createElement("p");
  text.textContent = "Your input was not saved and has been restored. ";
  const drop = document.createElement("a");
  drop.href = location.href;
  drop.textContent = "drop it";
  drop.addEventListener("click", () => {
    form.removeAttribute("data-changed");
    dropDraft();
  });
  text.append("Save it now, or ", drop, ".");
  notice.append(text);
  form.before(notice);
}

function settleDraft() {
  const draft = readDraft();
  if (!draft || location.pathname === SIGN_ON) return;
  const form = document.querySelector("form[data-guarded]");
  // A page without the form shows an error.
  if (draft.path === location.pathname && !form) return;
  if (draft.path !== location.pathname || draft.user !== form.dataset.user) return dropDraft();
  // The fields of a response to a sent form contain the values that were sent.
  if (!("answered" in form.dataset)) restoreDraft(form, draft);
}

settleDraft();
document.querySelectorAll("form[data-guarded]").forEach((form) => form.addEventListener("submit", () => keepDraft(form)));
document.querySelectorAll("form.sign-out").forEach((form) => form.addEventListener("submit", dropDraft));
