// The button keeps mail scanners, which open every link, from using up the token.
import { offer } from "/account/account.js";

offer("/api/v1/auth/email/verify", {
  body: () => ({}),
  done: "Your e-mail address is confirmed. You can close this page and go back to the app.",
  renew: "Ask for a new e-mail in the app, under your profile.",
});
