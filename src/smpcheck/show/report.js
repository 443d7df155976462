"use strict";
(() => {
  const root = document.documentElement;
  root.classList.add("js");
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];
  const words = (text) => (text || "").split(" ").filter(Boolean);
  const views = all(".view");
  const tabs = all("nav button");
  const step = new Map();
  let active = null;
  let pinned = null;

  function show(number) {
    if (active && step.get(active)) replay(active, 0);
    active = views[number];
    views.forEach((view) => view.classList.toggle("active", view === active));
    all(".source").forEach((source) => source.classList.toggle("active", source.dataset.program === active.dataset.program));
    tabs.forEach((tab, i) => tab.setAttribute("aria-pressed", String(i === number)));
    pinned = null;
    point(null);
  }

  /* What belongs together: an arrow, its ends, the sentence about it, and the source lines that give it. */
  function point(target) {
    all(".hot").forEach((element) => element.classList.remove("hot"));
    active.classList.toggle("pointing", Boolean(target));
    if (!target) return;
    const edges = new Set(), nodes = new Set(), lines = new Set();
    const arrows = all("g.edge", active);
    if (target.dataset.edge !== undefined) edges.add(target.dataset.edge);
    else if (target.dataset.node !== undefined) {
      nodes.add(target.dataset.node);
      arrows.filter((g) => words(g.dataset.ends).includes(target.dataset.node)).forEach((g) => edges.add(g.dataset.edge));
      all("g.node", active).filter((g) => nodes.has(g.dataset.node)).forEach((g) => words(g.dataset.lines).forEach((l) => lines.add(l)));
    } else {
      lines.add(target.dataset.line);
      all("g.node", active).filter((g) => words(g.dataset.lines).includes(target.dataset.line)).forEach((g) => nodes.add(g.dataset.node));
      arrows.filter((g) => words(g.dataset.lines).includes(target.dataset.line)).forEach((g) => edges.add(g.dataset.edge));
    }
    if (target.dataset.edge !== undefined) {
      words(target.dataset.lines).forEach((line) => lines.add(line));
      arrows.filter((g) => edges.has(g.dataset.edge)).forEach((g) => {
        words(g.dataset.ends).forEach((node) => nodes.add(node));
        words(g.dataset.lines).forEach((line) => lines.add(line));
      });
    }
    all("[data-edge]", active).filter((e) => edges.has(e.dataset.edge)).forEach((e) => e.classList.add("hot"));
    all("[data-node]", active).filter((e) => nodes.has(e.dataset.node)).forEach((e) => e.classList.add("hot"));
    all(".source.active [data-line]").filter((e) => lines.has(e.dataset.line)).forEach((e) => e.classList.add("hot"));
    if (!target.closest(".source")) reveal(".hot");
  }

  function reveal(which) {
    const source = document.querySelector(".source.active");
    const line = source && source.querySelector(`li${which}`);
    if (!line || getComputedStyle(source.parentElement).position !== "sticky") return;
    const box = source.getBoundingClientRect(), at = line.getBoundingClientRect();
    if (at.top < box.top || at.bottom > box.bottom) source.scrollTop += at.top - box.top - box.height / 3;
  }

  const pointed = (event) => event.target.closest(".view.active [data-edge],.view.active [data-node],.source.active [data-line]");
  for (const name of ["pointerover", "focusin"]) document.addEventListener(name, (event) => pinned || point(pointed(event)));
  document.addEventListener("click", (event) => {
    if (event.target.closest("button")) return;
    const target = pointed(event);
    pinned = target && target !== pinned ? target : null;
    point(target && !pinned ? null : pinned);
  });

  /* Step by step: what has happened so far, and what memory holds. */
  function replay(view, number) {
    const steps = all(".steps li", view);
    if (!steps.length) return;
    const now = Math.max(0, Math.min(steps.length, number));
    step.set(view, now);
    const done = new Set(steps.slice(0, now).map((li) => li.dataset.node));
    const last = now ? steps[now - 1].dataset.node : null;
    view.classList.toggle("replaying", now > 0);
    all("g.node", view).forEach((g) => {
      g.classList.toggle("done", done.has(g.dataset.node) || g.classList.contains("init"));
      g.classList.toggle("now", g.dataset.node === last);
    });
    all("g.edge", view).forEach((g) => g.classList.toggle("done", words(g.dataset.ends).every((n) => done.has(n))));
    steps.forEach((li, i) => li.classList.toggle("now", i === now - 1));
    const lines = words(view.querySelector("g.node.now")?.dataset.lines);
    const source = document.querySelector(`.source[data-program="${view.dataset.program}"]`);
    all("[data-line]", source).forEach((li) => li.classList.toggle("now", lines.includes(li.dataset.line)));
    if (now) reveal(".now");
    const said = now ? `Step ${now} of ${steps.length}. Memory: ${steps[now - 1].dataset.state}` : `${steps.length} steps`;
    view.querySelector("output").textContent = said;
    view.querySelector("[data-go='-1']").disabled = now === 0;
    view.querySelector("[data-go='1']").disabled = now === steps.length;
    if (now) {
      const list = steps[0].parentElement, li = steps[now - 1];
      list.scrollTop = Math.max(0, li.offsetTop - list.offsetTop - list.clientHeight / 2);
    }
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.dataset.view !== undefined) show(Number(button.dataset.view));
    if (button.dataset.go !== undefined) {
      const go = Number(button.dataset.go);
      replay(active, go ? (step.get(active) || 0) + go : 0);
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.key === "ArrowRight") replay(active, (step.get(active) || 0) + 1);
    else if (event.key === "ArrowLeft") replay(active, (step.get(active) || 0) - 1);
    else if (event.key === "Home" && step.get(active)) replay(active, 0);
    else if (event.key === "Escape") { pinned = null; point(null); replay(active, 0); }
    else return;
    if (event.key !== "Escape" && all(".steps li", active).length) event.preventDefault();
  });
  all("g.edge").forEach((g) => g.setAttribute("tabindex", "0"));
  if (views.length) { views.forEach((view) => replay(view, 0)); show(0); }
})();
