// The order page: stores the consents, then opens Toss's card window in the same click.
"use strict";

(() => {
  const form = document.getElementById("checkout");
  const button = document.getElementById("checkout-button");
  const message = document.getElementById("checkout-message");
  const again = document.getElementById("checkout-again");
  const sdk = document.getElementById("toss-sdk");

  const SENTENCES = {
    INVALID_METHOD_TRANSACTION: "결제창이 이미 열려 있어요. 열린 창에서 이어서 진행해 주세요.",
    PAYMENT_REQUEST_ABORTED: "결제창이 닫혔어요. 다시 시도해 주세요.",
    NOT_SUPPORTED_METHOD: "지금은 카드를 등록할 수 없어요. 고객센터로 알려 주세요. 결제된 금액은 없어요.",
    INVALID_CLIENT_KEY: "결제 설정에 문제가 있어요. 고객센터로 알려 주세요. 결제된 금액은 없어요.",
    NOT_SUPPORTED_WIDGET_KEY: "결제 설정에 문제가 있어요. 고객센터로 알려 주세요. 결제된 금액은 없어요.",
    INVALID_CUSTOMER_KEY: "결제 설정에 문제가 있어요. 고객센터로 알려 주세요. 결제된 금액은 없어요.",
  };
  const OTHERWISE = "결제창을 열지 못했어요. 잠시 후 다시 시도해 주세요. 결제된 금액은 없어요.";
  const NOT_SENT = "연결이 끊겨 진행하지 못했어요. 인터넷 연결을 확인하고 다시 시도해 주세요.";
  const NO_SDK = "결제창을 불러오지 못했어요. 인터넷 연결이나 차단 프로그램을 확인한 뒤 새로고침해 주세요.";

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
      say(NO_SDK);
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
      say(refusal.message || OTHERWISE);
      if (refusal.reload) window.location.reload();
      return false;
    }
    const { customerKey, ...registration } = await answer.json();
    const payment = window.TossPayments(form.dataset.clientKey).payment({ customerKey });
    await payment.requestBillingAuth({ method: "CARD", ...registration });
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
        say(error.code ? SENTENCES[error.code] || OTHERWISE : NOT_SENT);
      }
      show("ready");
    }
  });

  window.addEventListener("pageshow", (event) => {
    if (event.persisted) show("ready");
  });

  watchSdk();
})();
