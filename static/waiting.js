// The waiting page: asks now and then whether the checkout is settled, and then shows its page.
"use strict";

(() => {
  const waiting = document.getElementById("waiting");
  let pause = 1500;

  const ask = async () => {
    try {
      const answer = await fetch(waiting.dataset.state, { headers: { Accept: "application/json" } });
      if (answer.redirected || (answer.ok && (await answer.json()).settled)) {
        window.location.reload();
        return;
      }
    } catch {
      // No connection: ask again later.
    }
    pause = Math.min(pause * 1.4, 15000);
    wait();
  };

  // Not all at the same moment, where many wait.
  const wait = () => setTimeout(ask, pause * (0.7 + 0.6 * Math.random()));

  wait();
})();
