// Behaviour that all pages of the panel share. Every page also works without it.
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

// After a form was sent, reloading the page or returning to it requests the form again instead of sending it twice.
if (document.querySelector("form[data-answered]")) history.replaceState(history.state, "", location.href);

for (const button of document.querySelectorAll("[data-back]")) {
  button.hidden = history.length < 2;
  button.addEventListener("click", () => history.back());
}

function confirmAction(text) {
  const dialog = document.getElementById("confirmation");
  document.getElementById("confirmation-text").textContent = text;
  return new Promise((resolve) => {
    const buttons = dialog.querySelectorAll("button");
    const closeDialog = (event) => dialog.close(event.currentTarget.value);
    buttons.forEach((button) => button.addEventListener("click", closeDialog));
    dialog.addEventListener("close", () => {
      buttons.forEach((button) => button.removeEventListener("click", closeDialog));
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

// An action without selected rows, or without the value that it needs, would lose the selection.
function findMissingInput(form, button) {
  if (form.id !== "chosen") return "";
  if (!document.querySelector("input[name='ids'][form='chosen']:checked")) return form.dataset.refusal;
  const field = form.elements[button?.dataset.needs];
  if (!field || field.value) return "";
  form.querySelector("[role=combobox]")?.focus();
  return button.dataset.refusal;
}

function showRefusal(form, reason) {
  const note = form.querySelector("[data-chosen-count]");
  note.textContent = reason;
  note.className = "errors";
}

// Words that were typed into a look-up without selecting a choice would be lost.
const findUnfinished = (form) => [...form.querySelectorAll("[role=combobox]")].find((input) => !input.validity.valid);

for (const form of document.querySelectorAll("form[data-once]")) {
  form.addEventListener("submit", async (event) => {
    if (form.hasAttribute("data-busy")) return event.preventDefault();
    const reason = findMissingInput(form, event.submitter);
    if (reason) {
      event.preventDefault();
      return showRefusal(form, reason);
    }
    const unfinished = findUnfinished(form);
    if (unfinished) {
      event.preventDefault();
      return unfinished.reportValidity();
    }
    const text = event.submitter?.dataset.confirm ?? form.dataset.confirm;
    if (text && !form.hasAttribute("data-confirmed")) {
      event.preventDefault();
      if (await confirmAction(text)) {
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

const firstInvalid = document.querySelector("[aria-invalid='true']");
if (firstInvalid) firstInvalid.focus();

const selectAll = document.querySelector("[data-choose-all]");
if (selectAll) {
  const boxes = [...document.querySelectorAll("input[name='ids'][form]")];
  const count = document.querySelector("[data-chosen-count]");
  const idleText = count.textContent;
  const update = () => {
    const selectedCount = boxes.filter((box) => box.checked).length;
    count.textContent = selectedCount ? `${selectedCount} selected` : idleText;
    count.className = "quiet";
    selectAll.checked = selectedCount === boxes.length;
    selectAll.indeterminate = selectedCount > 0 && selectedCount < boxes.length;
  };
  selectAll.addEventListener("change", () => {
    for (const box of boxes) box.checked = selectAll.checked;
    update();
  });
  boxes.forEach((box) => box.addEventListener("change", update));
  document.getElementById("chosen").addEventListener("change", update);
  addEventListener("pageshow", update);
}

// A field whose choices are found by typing: the combobox of the ARIA practices, with the selected choices as buttons.
const LOOKUP_DELAY_MILLISECONDS = 200;

class Lookup {
  constructor(select) {
    this.select = select;
    this.number = 0;
    this.active = -1;
    this.build();
    this.showChosen();
  }

  build() {
    const id = this.select.id;
    this.box = document.createElement("div");
    this.box.className = "lookup";
    this.select.replaceWith(this.box);
    this.chips = document.createElement("ul");
    this.chips.className = "chips";
    this.list = document.createElement("ul");
    this.list.id = `${id}-options`;
    this.list.setAttribute("role", "listbox");
    this.list.hidden = true;
    this.input = document.createElement("input");
    const attributes = {
      role: "combobox", type: "text", autocomplete: "off", placeholder: "Type to search",
      "aria-expanded": "false", "aria-autocomplete": "list", "aria-controls": this.list.id,
    };
    for (const name of ["aria-describedby", "aria-invalid"]) {
      if (this.select.hasAttribute(name)) attributes[name] = this.select.getAttribute(name);
    }
    for (const [name, value] of Object.entries(attributes)) this.input.setAttribute(name, value);
    const label = document.querySelector(`label[for="${CSS.escape(id)}"]`);
    this.input.id = `${id}-input`;
    if (label) {
      label.htmlFor = this.input.id;
      label.id ||= `${id}-label`;
      this.list.setAttribute("aria-labelledby", label.id);
    }
    this.box.append(this.chips, this.select, this.input, this.list);
    this.input.addEventListener("input", () => {
      this.input.setCustomValidity(this.input.value.trim() ? "Choose an entry of the list, or clear this field." : "");
      this.wait();
    });
    this.input.addEventListener("keydown", (event) => this.press(event));
    this.input.addEventListener("blur", () => setTimeout(() => this.close(), 150));
  }

  showChosen() {
    this.chips.replaceChildren(...[...this.select.selectedOptions].filter((option) => option.value).map((option) => {
      const item = document.createElement("li");
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = option.text;
      button.setAttribute("aria-label", `Remove ${option.text}`);
      button.addEventListener("click", () => this.remove(option));
      item.append(button);
      return item;
    }));
  }

  changed() {
    this.showChosen();
    this.select.dispatchEvent(new Event("input", { bubbles: true }));
    this.select.dispatchEvent(new Event("change", { bubbles: true }));
  }

  remove(option) {
    option.remove();
    this.changed();
    this.input.focus();
  }

  choose(choice) {
    if (!this.select.multiple) {
      for (const option of [...this.select.options]) if (option.value) option.remove();
    }
    if (![...this.select.options].some((option) => option.value === choice.value)) {
      this.select.add(new Option(choice.label, choice.value, true, true));
    }
    this.input.value = "";
    this.input.setCustomValidity("");
    this.close();
    this.changed();
  }

  wait() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.find(), LOOKUP_DELAY_MILLISECONDS);
  }

  async find() {
    const term = this.input.value.trim();
    const number = ++this.number;
    if (!term) return this.close();
    const address = new URL(this.select.dataset.lookup, location.href);
    address.searchParams.set("term", term);
    try {
      const response = await fetch(address, { headers: { Accept: "application/json" } });
      if (!response.ok) throw new Error(response.status === 401 ? "Your session has ended. Sign in again." : "The search is not available right now.");
      const choices = await response.json();
      if (number === this.number) this.show(choices, choices.length ? "" : "Nothing matches.");
    } catch (error) {
      if (number === this.number) this.show([], error instanceof TypeError ? "The search is not available right now." : error.message);
    }
  }

  show(choices, message) {
    this.choices = choices;
    this.list.replaceChildren(...choices.map((choice, index) => {
      const option = document.createElement("li");
      option.id = `${this.list.id}-${index}`;
      option.setAttribute("role", "option");
      option.textContent = choice.label;
      option.addEventListener("mousedown", (event) => event.preventDefault());
      option.addEventListener("click", () => this.choose(choice));
      return option;
    }));
    if (message) {
      const note = document.createElement("li");
      note.setAttribute("role", "option");
      note.setAttribute("aria-disabled", "true");
      note.textContent = message;
      this.list.append(note);
    }
    this.list.hidden = false;
    this.input.setAttribute("aria-expanded", "true");
    this.activate(choices.length ? 0 : -1);
  }

  activate(index) {
    this.active = index;
    [...this.list.children].forEach((option, at) => option.setAttribute("aria-selected", String(at === index)));
    const current = this.list.children[index];
    if (current) {
      this.input.setAttribute("aria-activedescendant", current.id);
      current.scrollIntoView({ block: "nearest" });
    } else {
      this.input.removeAttribute("aria-activedescendant");
    }
  }

  press(event) {
    const count = this.list.hidden ? 0 : this.choices.length;
    const moves = { ArrowDown: 1, ArrowUp: -1 };
    if (event.key in moves && count) {
      this.activate((this.active + moves[event.key] + count) % count);
    } else if (event.key === "Enter" && count) {
      this.choose(this.choices[Math.max(this.active, 0)]);
    } else if (event.key === "Escape" && !this.list.hidden) {
      this.close();
    } else if (event.key === "Backspace" && !this.input.value) {
      const last = [...this.select.selectedOptions].filter((option) => option.value).at(-1);
      if (last) this.remove(last);
      return;
    } else {
      // Enter would send the form while the user is typing here.
      if (event.key === "Enter" && this.input.value) event.preventDefault();
      return;
    }
    event.preventDefault();
  }

  close() {
    clearTimeout(this.timer);
    this.number += 1;
    this.list.hidden = true;
    this.activate(-1);
    this.input.setAttribute("aria-expanded", "false");
  }
}

for (const select of document.querySelectorAll("select[data-lookup]")) new Lookup(select);
