"use strict";
(() => {
  const root = document.documentElement;
  const one = (selector) => document.querySelector(selector);

  // Clips play and pause together; whoever asked for less motion starts with still ones.
  const motion = one("#motion");
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const play = (on) => {
    root.classList.toggle("paused", !on);
    root.classList.toggle("playing", on);
    motion.textContent = on ? "Pause clips" : "Play clips";
    motion.setAttribute("aria-pressed", String(!on));
  };
  motion.hidden = false;
  motion.addEventListener("click", () => play(root.classList.contains("paused")));
  play(!still);

  const theme = one("#theme");
  theme.hidden = false;
  theme.addEventListener("click", () => {
    const now = root.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
    root.dataset.theme = now === "dark" ? "light" : "dark";
  });

  // A heading sorts by its column: numbers from the largest down first, names from A on.
  const table = one("#numbers");
  const body = table.tBodies[0];
  const value = (row, column) => {
    const cell = row.cells[column];
    return cell.dataset.key === undefined ? cell.textContent : Number(cell.dataset.key);
  };
  [...table.tHead.rows[0].cells].forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const isNumber = typeof value(body.rows[0], column) === "number";
      const before = head.getAttribute("aria-sort");
      const up = before ? before === "descending" : !isNumber;
      for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      const compare = (a, b) => (isNumber ? value(a, column) - value(b, column) : value(a, column).localeCompare(value(b, column)));
      const rows = [...body.rows].sort((a, b) => (up ? compare(a, b) : compare(b, a)));
      body.append(...rows);
    });
  });

  // The clip of a dot of the map, drawn from its places.
  const source = one("#clip-data");
  if (!source) return;
  const data = JSON.parse(source.textContent);
  const bytes = Uint8Array.from(atob(data.tracks), (letter) => letter.charCodeAt(0));
  const card = one("#clip-card");
  const place = (clip, frame, axis) => ((bytes[(clip * data.frames + frame) * 2 + axis] - data.outside) / data.parts) * 96;
  const element = (name, attributes) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, text] of Object.entries(attributes)) made.setAttribute(key, text);
    return made;
  };
  let timer = 0;
  let shown = -1;
  const hide = () => {
    clearInterval(timer);
    card.hidden = true;
    shown = -1;
    document.querySelectorAll("[data-n].on").forEach((dot) => dot.classList.remove("on"));
  };
  const show = (clip, dot) => {
    if (clip === shown) return;
    hide();
    shown = clip;
    document.querySelectorAll(`[data-n="${clip}"]`).forEach((same) => same.classList.add("on"));
    const points = Array.from({ length: data.frames }, (_, frame) => [place(clip, frame, 0), place(clip, frame, 1)]);
    const svg = element("svg", { viewBox: "0 0 96 96", "aria-hidden": "true" });
    const blob = element("circle", { r: 4, class: "blob-now", fill: "#fff" });
    svg.append(
      element("rect", { width: 96, height: 96, class: "frame" }),
      element("path", { class: "path", d: `M${points.map((point) => point.join(" ")).join("L")}` }),
      blob,
    );
    const name = document.createElement("bdi");
    name.textContent = data.names[data.labels[clip]];
    const number = document.createElement("div");
    number.className = "quiet";
    number.textContent = `clip ${data.clips[clip]}`;
    card.replaceChildren(svg, name, number);
    card.hidden = false;
    const box = dot.getBoundingClientRect();
    const left = box.right + 14 + card.offsetWidth > innerWidth ? box.left - 14 - card.offsetWidth : box.right + 14;
    card.style.left = `${Math.max(8, left)}px`;
    card.style.top = `${Math.max(8, Math.min(box.top - 40, innerHeight - card.offsetHeight - 8))}px`;
    let frame = root.classList.contains("paused") ? data.frames - 1 : 0;
    const draw = () => {
      blob.setAttribute("cx", points[frame][0]);
      blob.setAttribute("cy", points[frame][1]);
      if (!root.classList.contains("paused")) frame = (frame + 1) % data.frames;
    };
    draw();
    timer = setInterval(draw, 140);
  };
  one(".hint").hidden = false;
  for (const svg of document.querySelectorAll('[data-figure="features"] svg')) {
    const dots = [...svg.querySelectorAll("[data-n]")];
    if (!dots.length) continue;
    svg.setAttribute("tabindex", "0");
    let at = -1;
    svg.addEventListener("pointerover", (event) => {
      if (event.target.dataset.n) show(Number(event.target.dataset.n), event.target);
      else hide();
    });
    svg.addEventListener("pointerleave", hide);
    svg.addEventListener("blur", hide);
    svg.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      if (event.key === "Escape") hide();
      if (!step) return;
      event.preventDefault();
      at = (at + step + dots.length) % dots.length;
      show(Number(dots[at].dataset.n), dots[at]);
    });
  }
})();
