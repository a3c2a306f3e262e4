// The order page: stores the consents, then opens Toss's card window in the same click.
"use strict";

(() => {
  const form = document.getElementById("checkout");
  const button = document.getElementById("checkout-button");
  const message = document.getElementById("checkout-message");
  const again = document.getElementById("checkout-again");
  const sdk = document.getElementById("toss-sdk");

  const SENTENCES = JSON.parse(form.dataset.sentences);

  let busy = false;

  document.getElementById("needs-script").hidden = true;

  const show = (state) => {
    button.textContent = button.dataset[state];
    button.disabled = state !== "ready";
    button.dataset.state = state;
    busy = state === "opening";
  };
  const say = (text) => {
    message.textContent = text;
    message.hidden = !text;
  };

  const watchSdk = () => {
    if (window.TossPayments) {
      show("ready");
      return;
    }
    show("loading");
    sdk.addEventListener("load", () => show("ready"));
    sdk.addEventListener("error", () => {
      show("loading");
      button.textContent = button.dataset.ready;
      button.dataset.state = "failed";
      again.hidden = false;
      say(SENTENCES.NO_SDK);
    });
  };

  const open = async () => {
    const answer = await fetch(form.action, {
      method: "POST",
      body: new FormData(form),
      headers: { Accept: "application/json" },
    });
    if (answer.redirected) {
      window.location.reload();
      return false;
    }
    if (answer.status !== 201) {
      const refusal = await answer.json().catch(() => ({}));
      say(refusal.message || SENTENCES.OTHERWISE);
      if (refusal.reload) window.location.reload();
      return false;
    }
    const { customerKey, ...asked } = await answer.json();
    const payment = window.TossPayments(form.dataset.clientKey).payment({ customerKey });
    if (asked.orderId) {
      await payment.requestPayment(asked);
    } else {
      await payment.requestBillingAuth({ method: "CARD", ...asked });
    }
    return true;
  };

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (busy || button.disabled) return;
    show("opening");
    say("");
    try {
      if (!(await open())) show("ready");
    } catch (error) {
      if (error.code !== "USER_CANCEL") {
        say(SENTENCES[error.code || "NOT_SENT"] || SENTENCES.OTHERWISE);
      }
      show("ready");
    }
  });

  window.addEventListener("pageshow", (event) => {
    if (event.persisted) show("ready");
  });

  watchSdk();
})();
