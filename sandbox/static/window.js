// Tell the shop's page, which holds this window in a frame, what the customer did.
"use strict";

(() => {
  const tell = (origin, message) => window.parent.postMessage(message, origin);

  const leaving = document.getElementById("leaving");
  if (leaving) {
    // Without an address: closed before this script could say so.
    const { pageOrigin, address } = leaving.dataset;
    tell(pageOrigin, address ? { sandbox: "leave", address } : { sandbox: "close" });
    return;
  }

  const { pageOrigin } = document.getElementById("window").dataset;
  const closing = document.getElementById("close");
  if (pageOrigin) {
    closing.addEventListener("submit", (event) => {
      event.preventDefault();
      tell(pageOrigin, { sandbox: "close" });
    });
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape") closing.requestSubmit();
    });
  }

  const registration = document.getElementById("registration");
  if (registration) {
    let isSent = false;
    registration.addEventListener("submit", (event) => {
      if (isSent) event.preventDefault();
      isSent = true;
    });
    window.addEventListener("pageshow", () => {
      isSent = false;
    });
  }

  const mistakes = document.querySelector(".mistakes");
  if (mistakes) mistakes.focus();
})();
