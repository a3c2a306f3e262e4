// What a script can see of a page's layout; returns one sentence for each finding.
() => {
  const found = [];
  const visible = (element) => {
    const box = element.getBoundingClientRect();
    const style = getComputedStyle(element);
    return box.width > 1 && box.height > 1 && style.visibility !== "hidden" && element.checkVisibility() && !element.closest(".visually-hidden, .skip");
  };
  // The open menu that an element stands in: it covers what lies below it, and nothing of its own.
  const menu = (element) => element.closest("details.languages > form");
  const name = (element) => `<${element.tagName.toLowerCase()}> "${(element.innerText || element.name || element.id || "").trim().slice(0, 30)}"`;
  const root = document.documentElement;
  if (root.scrollWidth > root.clientWidth) found.push(`the page is ${root.scrollWidth - root.clientWidth} px wider than the window`);
  for (const element of document.querySelectorAll("body *")) {
    if (!visible(element)) continue;
    const style = getComputedStyle(element);
    const box = element.getBoundingClientRect();
    const scrolls = element.closest(".table-scroll");
    if (!scrolls && (box.right > root.clientWidth + 1 || box.left < -1)) found.push(`${name(element)} leaves the window`);
    if (element.tagName !== "INPUT" && /hidden|clip/.test(style.overflow) && element.scrollWidth > element.clientWidth + 1) found.push(`${name(element)} is clipped`);
    if (element.scrollHeight > element.clientHeight + 2 && style.overflowY === "hidden" && element.innerText) found.push(`${name(element)} is cut off below`);
  }
  const controls = [...document.querySelectorAll("a[href], button, input:not([type=hidden]), select, textarea, summary")].filter(visible);
  const isInText = (element) => element.tagName === "A" && getComputedStyle(element).display === "inline";
  for (const control of controls) {
    const isTick = control.type === "checkbox" || control.type === "radio";
    const target = isTick ? control.closest("label") || control : control;
    const box = target.getBoundingClientRect();
    if (isInText(control)) continue;
    if (box.height < 43.5 || box.width < 24) found.push(`${name(control)} is ${Math.round(box.width)} × ${Math.round(box.height)} px, too small to touch`);
  }
  for (let i = 0; i < controls.length; i++) {
    for (let j = i + 1; j < controls.length; j++) {
      const [a, b] = [controls[i], controls[j]];
      if (a.contains(b) || b.contains(a) || isInText(a) || isInText(b) || menu(a) !== menu(b)) continue;
      const [p, q] = [a.getBoundingClientRect(), b.getBoundingClientRect()];
      const across = Math.min(p.right, q.right) - Math.max(p.left, q.left);
      const down = Math.min(p.bottom, q.bottom) - Math.max(p.top, q.top);
      if (across > 2 && down > 2) found.push(`${name(a)} and ${name(b)} overlap`);
    }
  }
  return [...new Set(found)];
}
