// The browser side of the sandbox: the parts of Toss's SDK v2 that register cards and pay once.
"use strict";

(() => {
  const ANONYMOUS = "@@ANONYMOUS";
  const origin = new URL(document.currentScript.src).origin;

  const MESSAGES = {
    INCORRECT_FAIL_URL_FORMAT: "잘못된 failUrl 입니다. http:// 혹은 https:// 를 포함해주세요.",
    INCORRECT_SUCCESS_URL_FORMAT: "잘못된 successUrl 입니다. http:// 혹은 https:// 를 포함해주세요.",
    INSECURE_KEY_USAGE: "시크릿 키는 외부에 노출되면 안 됩니다. 바로 재발급 받으세요.",
    BELOW_ZERO_AMOUNT: "금액은 0보다 커야 합니다.",
    INVALID_AMOUNT_CURRENCY: "잘못된 통화 값입니다.",
    INVALID_AMOUNT_VALUE: "잘못된 금액입니다.",
    INVALID_CLIENT_KEY: "잘못된 클라이언트 연동 정보입니다.",
    INVALID_CUSTOMER_KEY:
      "customerKey는 영문 대소문자, 숫자, 특수문자 -, _, =, ., @로 2자 이상 50자 이하여야 합니다.",
    INVALID_METADATA: "metadata는 5쌍 이하, 키는 40자 이하, 값은 2000자 이하여야 합니다.",
    INVALID_METHOD_TRANSACTION: "이미 진행 중인 결제창이 있습니다.",
    INVALID_ORDER_ID:
      "orderId는 영문 대소문자, 숫자, 특수문자 -, _, =로 6자 이상 64자 이하여야 합니다.",
    INVALID_ORDER_NAME: "주문명은 100자 이하여야 합니다.",
    INVALID_PARAMETERS: "잘못된 파라미터입니다.",
    NO_ACTIVE_PAYMENT_REQUEST: "진행 중인 결제 요청이 없습니다.",
    NOT_SUPPORTED_API_INDIVIDUAL_KEY: "API 개별 연동 키는 지원하지 않습니다. 결제위젯 연동 키를 사용해주세요.",
    NOT_SUPPORTED_METHOD: "지원되지 않는 결제 수단입니다.",
    NOT_SUPPORTED_WIDGET_KEY: "결제위젯 연동 키는 지원하지 않습니다. API 개별 연동 키를 사용해주세요.",
    PAYMENT_REQUEST_ABORTED: "결제 요청이 중단되었습니다.",
    UNKNOWN: "알 수 없는 오류가 발생했습니다. 잠시 후 다시 시도해주세요.",
    USER_CANCEL: "취소되었습니다.",
    V1_METHOD_NOT_SUPPORTED: "v1 메서드는 사용할 수 없습니다. payment()를 사용해주세요.",
  };

  function TossPayments(clientKey) {
    if (typeof clientKey !== "string" || !/^(test|live)_g?ck_\w+$/.test(clientKey)) {
      throw refusal("INVALID_CLIENT_KEY");
    }
    const isWidgetKey = clientKey.includes("_gck_");
    return {
      payment(options) {
        if (isWidgetKey) throw refusal("NOT_SUPPORTED_WIDGET_KEY");
        return paymentOf(clientKey, checkedCustomerKey(options));
      },
      widgets() {
        throw refusal(isWidgetKey ? "NOT_SUPPORTED_METHOD" : "NOT_SUPPORTED_API_INDIVIDUAL_KEY");
      },
      requestBillingAuth: refuseVersion1,
      requestPayment: refuseVersion1,
    };
  }
  TossPayments.ANONYMOUS = ANONYMOUS;
  window.TossPayments = TossPayments;

  // One window at a time on a page, whichever object opened it.
  let open = null;

  // A page that the browser brings back from its memory has no window open.
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) open = null;
  });

  function paymentOf(clientKey, customerKey) {
    return {
      async requestBillingAuth(params) {
        checkBilling(params, customerKey);
        if (open) throw refusal("INVALID_METHOD_TRANSACTION");
        return openWindow("/window/billing", "카드 등록", {
          clientKey,
          customerKey,
          customerName: params.customerName,
          customerEmail: params.customerEmail,
          successUrl: params.successUrl,
          failUrl: params.failUrl,
          windowTarget: target(params.windowTarget),
          method: params.method,
          flowMode: params.flowMode,
          easyPay: params.easyPay,
        });
      },
      async requestPayment(params) {
        checkPayment(params);
        if (open) throw refusal("INVALID_METHOD_TRANSACTION");
        const card = params.card ?? {};
        return openWindow("/window/payment", "결제", {
          clientKey,
          customerKey,
          amount: params.amount.value,
          taxFreeAmount: params.taxFreeAmount,
          orderId: params.orderId,
          orderName: params.orderName,
          customerName: params.customerName,
          customerEmail: params.customerEmail,
          successUrl: params.successUrl,
          failUrl: params.failUrl,
          windowTarget: target(params.windowTarget),
          useInternationalCardOnly: card.useInternationalCardOnly,
          language: card.language,
          showEstimatedAmount: card.showEstimatedAmount,
        });
      },
      async destroy() {
        if (!open) throw refusal("NO_ACTIVE_PAYMENT_REQUEST");
        open.close(refusal("PAYMENT_REQUEST_ABORTED"));
      },
    };
  }

  function checkedCustomerKey(options) {
    const customerKey = options && options.customerKey;
    if (customerKey === ANONYMOUS) return customerKey;
    if (/^(test|live)_g?sk_/.test(customerKey)) throw refusal("INSECURE_KEY_USAGE");
    if (typeof customerKey !== "string" || !/^[A-Za-z0-9_\-=.@]{2,50}$/.test(customerKey)) {
      throw refusal("INVALID_CUSTOMER_KEY");
    }
    return customerKey;
  }

  const isText = (longest) => (value) => typeof value === "string" && value.length <= longest;
  const isOneOf = (...choices) => (value) => choices.includes(value);
  const isObject = (value) => value !== null && typeof value === "object";
  const isAnything = () => true;
  const BILLING_PARAMS = {
    method: isText(20),
    successUrl: isAnything,
    failUrl: isAnything,
    customerName: isText(100),
    customerEmail: isText(100),
    windowTarget: isOneOf("iframe", "self"),
    flowMode: isOneOf("DEFAULT", "DIRECT"),
    easyPay: isOneOf("토스페이", "TOSSPAY", "네이버페이", "NAVERPAY"),
    cardCompany: isText(20),
    selectableCardTypes: (types) =>
      Array.isArray(types) && types.length > 0 && types.every(isOneOf("PERSONAL", "CORPORATE")),
  };

  function checkBilling(params, customerKey) {
    if (customerKey === ANONYMOUS) throw refusal("INVALID_CUSTOMER_KEY");
    if (!isObject(params)) throw refusal("INVALID_PARAMETERS");
    checkEach(params, BILLING_PARAMS);
    if (params.method === undefined) throw refusal("INVALID_PARAMETERS");
    if (!["CARD", "TRANSFER"].includes(params.method)) throw refusal("NOT_SUPPORTED_METHOD");
    const isDirect = params.method === "CARD" && params.flowMode === "DIRECT";
    if (params.method === "TRANSFER" && (params.flowMode || params.selectableCardTypes)) {
      throw refusal("INVALID_PARAMETERS");
    }
    if (isDirect !== Boolean(params.easyPay)) throw refusal("INVALID_PARAMETERS");
    if (params.cardCompany && !isDirect) throw refusal("INVALID_PARAMETERS");
    if (!isAddress(params.successUrl)) throw refusal("INCORRECT_SUCCESS_URL_FORMAT");
    if (!isAddress(params.failUrl)) throw refusal("INCORRECT_FAIL_URL_FORMAT");
  }

  const isFlag = (value) => typeof value === "boolean";
  const isWon = (value) => Number.isInteger(value) && value >= 0;
  const isInstallment = (months) => isWon(months) && months <= 12 && months !== 1;
  const PAYMENT_PARAMS = {
    method: isText(20),
    amount: isObject,
    orderId: isAnything,
    orderName: isAnything,
    successUrl: isAnything,
    failUrl: isAnything,
    customerName: isText(100),
    customerEmail: isText(100),
    customerMobilePhone: (phone) => typeof phone === "string" && /^\d{8,15}$/.test(phone),
    taxFreeAmount: isWon,
    windowTarget: isOneOf("iframe", "self"),
    metadata: isAnything,
    card: isObject,
  };
  const CARD_PARAMS = {
    useInternationalCardOnly: isFlag,
    language: isOneOf("KO", "EN", "JA", "ZH"),
    showEstimatedAmount: isFlag,
    flowMode: isOneOf("DEFAULT", "DIRECT"),
    cardCompany: isText(20),
    easyPay: isText(20),
    discountCode: isText(20),
    cardInstallmentPlan: isInstallment,
    maxCardInstallmentPlan: isInstallment,
    freeInstallmentPlans: (plans) =>
      Array.isArray(plans) &&
      plans.every((plan) => isObject(plan) && isText(20)(plan.company) && Array.isArray(plan.months)),
    useCardPoint: isFlag,
    useAppCardOnly: isFlag,
    useEscrow: isFlag,
    escrowProducts: Array.isArray,
    taxExemptionAmount: isWon,
    validHours: (hours) => isWon(hours) && hours <= 2160,
    dueDate: (date) => typeof date === "string" && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$/.test(date),
    appScheme: isText(100),
    keyin: isObject,
    showMobileAppHeader: isFlag,
  };
  const NEVER_TOGETHER = [
    ["cardInstallmentPlan", "maxCardInstallmentPlan"],
    ["validHours", "dueDate"],
  ];

  function isMetadata(pairs) {
    return (
      isObject(pairs) &&
      Object.keys(pairs).length <= 5 &&
      Object.entries(pairs).every(
        ([key, value]) => key.length <= 40 && !/[[\]]/.test(key) && isText(2000)(value),
      )
    );
  }

  function checkCard(card) {
    checkEach(card, CARD_PARAMS);
    const isDirect = card.flowMode === "DIRECT";
    if (isDirect && !card.cardCompany && !card.easyPay) throw refusal("INVALID_PARAMETERS");
    if (card.discountCode && !isDirect) throw refusal("INVALID_PARAMETERS");
    for (const [one, other] of NEVER_TOGETHER) {
      if (card[one] !== undefined && card[other] !== undefined) throw refusal("INVALID_PARAMETERS");
    }
  }

  function checkPayment(params) {
    if (!isObject(params)) throw refusal("INVALID_PARAMETERS");
    checkEach(params, PAYMENT_PARAMS);
    if (params.method === undefined || !params.amount) throw refusal("INVALID_PARAMETERS");
    if (params.method !== "CARD") throw refusal("NOT_SUPPORTED_METHOD");
    checkCard(params.card ?? {});
    if (params.metadata !== undefined && !isMetadata(params.metadata)) {
      throw refusal("INVALID_METADATA");
    }
    const { currency, value } = params.amount;
    if (currency !== "KRW") throw refusal("INVALID_AMOUNT_CURRENCY");
    if (!Number.isInteger(value)) throw refusal("INVALID_AMOUNT_VALUE");
    if (value <= 0) throw refusal("BELOW_ZERO_AMOUNT");
    if (typeof params.orderId !== "string" || !/^[A-Za-z0-9_\-=]{6,64}$/.test(params.orderId)) {
      throw refusal("INVALID_ORDER_ID");
    }
    if (!params.orderName || !isText(100)(params.orderName)) throw refusal("INVALID_ORDER_NAME");
    if (!isAddress(params.successUrl)) throw refusal("INCORRECT_SUCCESS_URL_FORMAT");
    if (!isAddress(params.failUrl)) throw refusal("INCORRECT_FAIL_URL_FORMAT");
  }

  function checkEach(params, checks) {
    for (const [name, value] of Object.entries(params)) {
      if (value === undefined) continue;
      if (!Object.hasOwn(checks, name) || !checks[name](value)) throw refusal("INVALID_PARAMETERS");
    }
  }

  function isAddress(value) {
    return typeof value === "string" && /^https?:\/\//.test(value) && URL.canParse(value);
  }

  function target(asked) {
    const isPhone =
      /Android|iPhone|iPad|iPod|Mobile/i.test(navigator.userAgent) ||
      window.matchMedia("(pointer: coarse)").matches ||
      window.innerWidth < 768;
    return isPhone ? "self" : asked || "iframe";
  }

  // Settled when the customer or the page closes the frame; a page that leaves settles nothing.
  function openWindow(path, title, request) {
    return new Promise((resolve, reject) => {
      const mine = { close: settle };
      let frame = null;
      open = mine;

      function settle(error) {
        if (open !== mine) return;
        open = null;
        if (frame) frame.remove();
        reject(error);
      }

      askForWindow(path, request).then((address) => {
        if (open !== mine) return;
        if (request.windowTarget === "self") window.location.assign(address);
        else frame = showFrame(address, title, () => settle(refusal("USER_CANCEL")));
      }, settle);
    });
  }

  async function askForWindow(path, request) {
    let response, answer;
    try {
      response = await fetch(origin + path, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify(request),
      });
      answer = await response.json();
    } catch {
      throw refusal("UNKNOWN");
    }
    if (!response.ok) throw refusal(answer.code, answer.message);
    return origin + answer.path;
  }

  // Styles are set one by one, because the page's policy may forbid style attributes.
  function showFrame(address, title, onClose) {
    const before = document.activeElement;
    const scroll = document.documentElement.style.overflow;
    const dialog = document.createElement("dialog");
    const frame = document.createElement("iframe");
    Object.assign(dialog.style, {
      position: "fixed",
      inset: "0",
      width: "100%",
      height: "100%",
      maxWidth: "none",
      maxHeight: "none",
      margin: "0",
      padding: "0",
      border: "0",
      background: "rgb(0 0 0 / 50%)",
    });
    Object.assign(frame.style, {
      position: "absolute",
      inset: "0",
      width: "min(100%, 34rem)",
      height: "min(100%, 46rem)",
      margin: "auto",
      border: "0",
      borderRadius: "1rem",
      background: "Canvas",
    });
    dialog.setAttribute("aria-label", title);
    frame.title = title;
    frame.src = address;
    frame.addEventListener("load", () => frame.focus());
    dialog.append(frame);
    document.body.append(dialog);
    document.documentElement.style.overflow = "hidden";
    dialog.showModal();

    dialog.addEventListener("cancel", (event) => {
      event.preventDefault();
      onClose();
    });
    window.addEventListener("message", listen);

    function listen(event) {
      if (event.origin !== origin || event.source !== frame.contentWindow) return;
      if (event.data.sandbox === "close") onClose();
      if (event.data.sandbox === "leave") window.location.assign(event.data.address);
    }

    return {
      remove() {
        window.removeEventListener("message", listen);
        document.documentElement.style.overflow = scroll;
        dialog.remove();
        if (before) before.focus();
      },
    };
  }

  function refuseVersion1() {
    throw refusal("V1_METHOD_NOT_SUPPORTED");
  }

  function refusal(code, message) {
    return Object.assign(new Error(message || MESSAGES[code]), { code });
  }
})();
