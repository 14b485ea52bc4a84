// The buttons keep mail scanners, which open every link, from using up the token.
import { offer, offerInstead, refuse } from "/account/account.js";

const password = document.getElementById("password");
const show = document.getElementById("show");

offer("/api/v1/auth/email/verify", {
  body: checked,
  done: "Your e-mail address is confirmed. You can close this page and go back to the app.",
  renew: "Request a new e-mail in the app, under your profile.",
});
offerInstead(document.getElementById("reject"), "/api/v1/auth/email/reject", {
  done: "Your address is removed. You can close this page.",
  renew: "If the account uses your address, choose “Forgot password?” in the app and set a new password.",
});

show.addEventListener("change", () => {
  password.type = show.checked ? "text" : "password";
});

/** Return the fields to send, or null after asking for the password. */
function checked() {
  password.ariaInvalid = "false";
  if (!password.value) {
    refuse(password, "Enter the password of your Parley account.");
    return null;
  }
  return { password: password.value };
}
