// What all pages of the panel share. Without it, every page still works.
"use strict";

for (const time of document.querySelectorAll("time[datetime]")) {
  const moment = new Date(time.dateTime);
  if (!Number.isNaN(moment.valueOf())) {
    time.title = time.textContent;
    time.textContent = moment.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
  }
}

// A message is shown once: reloading the page must not repeat it.
if (document.querySelector("[data-message]")) {
  const address = new URL(location.href);
  for (const name of ["done", "count"]) address.searchParams.delete(name);
  history.replaceState(null, "", address);
}

for (const button of document.querySelectorAll("[data-back]")) {
  button.hidden = history.length < 2;
  button.addEventListener("click", () => history.back());
}

function confirmed(text) {
  const dialog = document.getElementById("confirmation");
  document.getElementById("confirmation-text").textContent = text;
  return new Promise((resolve) => {
    const buttons = dialog.querySelectorAll("button");
    const answer = (event) => dialog.close(event.currentTarget.value);
    buttons.forEach((button) => button.addEventListener("click", answer));
    dialog.addEventListener("close", () => {
      buttons.forEach((button) => button.removeEventListener("click", answer));
      resolve(dialog.returnValue === "yes");
      dialog.returnValue = "";
    }, { once: true });
    dialog.showModal();
  });
}

function setBusy(form, busy) {
  form.toggleAttribute("data-busy", busy);
  for (const button of form.querySelectorAll("button")) {
    if (busy) button.setAttribute("aria-disabled", "true");
    else button.removeAttribute("aria-disabled");
  }
}

for (const form of document.querySelectorAll("form[data-once]")) {
  form.addEventListener("submit", async (event) => {
    if (form.hasAttribute("data-busy")) return event.preventDefault();
    const text = event.submitter?.dataset.confirm ?? form.dataset.confirm;
    if (text && !form.hasAttribute("data-confirmed")) {
      event.preventDefault();
      if (await confirmed(text)) {
        form.setAttribute("data-confirmed", "");
        form.requestSubmit(event.submitter);
      }
      return;
    }
    form.removeAttribute("data-confirmed");
    form.removeAttribute("data-changed");
    setBusy(form, true);
  });
}
// The back button may show the page as it was left.
addEventListener("pageshow", () => document.querySelectorAll("form[data-busy]").forEach((form) => setBusy(form, false)));

for (const form of document.querySelectorAll("form[data-guarded]")) {
  form.addEventListener("input", () => form.setAttribute("data-changed", ""));
}
addEventListener("beforeunload", (event) => {
  if (document.querySelector("form[data-changed]")) event.preventDefault();
});

const firstWrong = document.querySelector("[aria-invalid='true']");
if (firstWrong) firstWrong.focus();

const chooseAll = document.querySelector("[data-choose-all]");
if (chooseAll) {
  const boxes = [...document.querySelectorAll("input[name='ids'][form]")];
  const count = document.querySelector("[data-chosen-count]");
  const idle = count.textContent;
  const update = () => {
    const chosen = boxes.filter((box) => box.checked).length;
    count.textContent = chosen ? `${chosen} chosen` : idle;
    chooseAll.checked = chosen === boxes.length;
    chooseAll.indeterminate = chosen > 0 && chosen < boxes.length;
  };
  chooseAll.addEventListener("change", () => {
    for (const box of boxes) box.checked = chooseAll.checked;
    update();
  });
  boxes.forEach((box) => box.addEventListener("change", update));
  addEventListener("pageshow", update);
}
