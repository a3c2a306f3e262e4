// A picture that is too large is told before it is sent; without this, the shop refuses it.
"use strict";

(() => {
  const input = document.querySelector("input[type=file][data-most]");

  input.addEventListener("change", () => {
    const [file] = input.files;
    const isTooLarge = file && file.size > Number(input.dataset.most);
    input.setCustomValidity(isTooLarge ? input.dataset.tooLarge : "");
    input.reportValidity();
  });
})();
