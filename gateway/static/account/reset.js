import { offer, refuse } from "/account/account.js";

// The rules of the auth service, except its list of common passwords.
const RULES = {
  length: (password) => [...password].length >= 8 && [...password].length <= 128,
  upper: (password) => /\p{Uppercase}/u.test(password),
  lower: (password) => /\p{Lowercase}/u.test(password),
  digit: (password) => /\p{Nd}/u.test(password),
};
const password = document.getElementById("password");
const repeated = document.getElementById("repeated");
const show = document.getElementById("show");
const items = [...document.querySelectorAll("[data-rule]")];

offer("/api/v1/auth/password/reset", {
  body: checked,
  done: "Your password is changed, and every device is signed out. Sign in to the app with the new password.",
  renew: "Ask for a new link in the app: choose “Forgot password?” where you sign in.",
});

show.addEventListener("change", () => {
  password.type = repeated.type = show.checked ? "text" : "password";
});
password.addEventListener("input", () => {
  items.forEach((item) => item.classList.toggle("met", meets(item)));
});

/** Return the fields to send, or null after showing what is wrong with the password. */
function checked() {
  password.ariaInvalid = repeated.ariaInvalid = "false";
  const missing = items.filter((item) => !meets(item)).map((item) => item.textContent);
  if (missing.length) {
    refuse(password, "The new password needs", missing);
    return null;
  }
  if (password.value !== repeated.value) {
    refuse(repeated, "The two passwords do not match.");
    return null;
  }
  return { password: password.value };
}

function meets(item) {
  return RULES[item.dataset.rule](password.value.normalize("NFC"));
}
