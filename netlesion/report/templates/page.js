"use strict";
(() => {
  const all = (what, where = document) => [...where.querySelectorAll(what)];

  // Pointing at, or reaching with the keyboard, a row, an outline or a picture marks all that shows the same lesion;
  // pointing at a sentence marks every lesion that it rests on.
  let marked = "";
  const mark = lesions => {
    if (lesions === marked) return;
    all("[data-lesion].on").forEach(e => e.classList.remove("on"));
    lesions.split(" ").filter(n => n).forEach(n => all(`[data-lesion="${n}"]`).forEach(e => e.classList.add("on")));
    marked = lesions;
  };
  const lesionsAt = target => {
    const one = target.closest("[data-lesion]"), many = target.closest("[data-lesions]");
    return one ? one.dataset.lesion : many ? many.dataset.lesions : "";
  };
  document.addEventListener("pointerover", event => mark(lesionsAt(event.target)));
  document.addEventListener("focusin", event => { const found = lesionsAt(event.target); if (found) mark(found); });

  // Turning projections: 36 views of which 18 are stored; view n + 18 is the mirror image of view n.
  const store = document.getElementById("outlines");
  const outlines = store ? JSON.parse(store.textContent) : {};
  const from = ["front", "front left", "left", "back left", "back", "back right", "right", "front right"];
  const viewers = all(".viewer[data-viewer]");
  const show = (viewer, view) => {
    const data = outlines[viewer.dataset.viewer], half = view % 18, mirrored = view >= 18, w = data.w;
    const image = viewer.querySelector("image");
    image.setAttribute("x", -half * w);
    viewer.querySelector(".turned").setAttribute("transform", mirrored ? `translate(${w} 0) scale(-1 1)` : "");
    all(".outline", viewer).forEach(group => {
      const n = group.dataset.lesion, path = group.querySelector("path"), text = group.querySelector("text");
      const line = group.querySelector("line");
      path.setAttribute("d", data.o[n][half]);
      path.setAttribute("transform", mirrored ? `translate(${2 * w} 0) scale(-1 1)` : "");
      const place = data.m[n] && data.m[n][half];
      text.setAttribute("display", place ? "inline" : "none");
      line.setAttribute("display", place && place.length === 4 ? "inline" : "none");
      if (!place) return;
      const x = value => mirrored ? 2 * w - value : value;
      text.setAttribute("x", x(place[0])); text.setAttribute("y", place[1]);
      if (place.length < 4) return;
      [["x1", x(place[0])], ["y1", place[1]], ["x2", x(place[2])], ["y2", place[3]]].forEach(([name, value]) => line.setAttribute(name, value));
    });
    const input = viewer.querySelector("input"), words = `${view * 10}°, from ${from[Math.round(view / 4.5) % 8]}`;
    input.value = view; input.setAttribute("aria-valuetext", words); viewer.querySelector("output").textContent = words;
  };
  const turn = (viewer, view) => {
    const n = ((view % 36) + 36) % 36;
    viewers.filter(v => v.dataset.visit === viewer.dataset.visit).forEach(v => show(v, n));
  };
  viewers.forEach(viewer => {
    const input = viewer.querySelector("input"), svg = viewer.querySelector("svg"), play = viewer.querySelector("button");
    let start = null, timer = null;
    const stop = () => { clearInterval(timer); timer = null; play.textContent = "Turn"; };
    input.addEventListener("input", () => turn(viewer, Number(input.value)));
    svg.addEventListener("keydown", event => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (step) { event.preventDefault(); turn(viewer, Number(input.value) + step); }
    });
    svg.addEventListener("pointerdown", event => { start = [event.clientX, Number(input.value)]; svg.setPointerCapture(event.pointerId); });
    svg.addEventListener("pointermove", event => {
      if (start) turn(viewer, start[1] + Math.round((event.clientX - start[0]) / svg.clientWidth * 18));
    });
    ["pointerup", "pointercancel"].forEach(name => svg.addEventListener(name, () => { start = null; }));
    play.addEventListener("click", () => {
      if (timer) return stop();
      play.textContent = "Stop";
      timer = setInterval(() => turn(viewer, Number(input.value) + 1), 120);
    });
    turn(viewer, 0);
  });

  // A column is sorted by its button; what has no value stands last.
  all("table.sortable").forEach(table => all("thead th", table).forEach((header, column) => {
    const button = header.querySelector("button");
    if (button) button.addEventListener("click", () => {
      const down = header.getAttribute("aria-sort") === "none" ? header.classList.contains("number") : header.getAttribute("aria-sort") === "ascending";
      all("th[aria-sort]", table).forEach(h => h.setAttribute("aria-sort", "none"));
      header.setAttribute("aria-sort", down ? "descending" : "ascending");
      const body = table.tBodies[0], key = row => row.cells[column].dataset.sort;
      const rows = [...body.rows].sort((a, b) => {
        const x = key(a), y = key(b);
        if (x === undefined || y === undefined) return (x === undefined) - (y === undefined);
        const order = header.classList.contains("number") ? x - y : x.localeCompare(y, undefined, { numeric: true });
        return down ? -order : order;
      });
      body.append(...rows);
    });
  }));

  // Rows of a table are filtered by text and by the choices of its selects.
  all(".filters").forEach(filters => {
    const rows = all("tbody tr", document.getElementById(filters.dataset.table));
    const count = filters.querySelector("output");
    const filter = () => {
      const text = filters.querySelector("input").value.toLocaleLowerCase();
      const wanted = all("select", filters).map(s => [s.name, s.value]).filter(([, value]) => value);
      rows.forEach(row => { row.hidden = !(row.textContent.toLocaleLowerCase().includes(text) && wanted.every(([name, value]) => row.dataset[name] === value)); });
      count.textContent = `${rows.filter(row => !row.hidden).length} of ${rows.length}`;
    };
    filters.addEventListener("input", filter);
    filter();
  });

  // Paper shows what is folded on the screen.
  let opened = [];
  addEventListener("beforeprint", () => { opened = all("details:not([open])"); opened.forEach(d => { d.open = true; }); });
  addEventListener("afterprint", () => opened.forEach(d => { d.open = false; }));
})();
