"""The static twin: plain HTML and a few lines of JavaScript over one image of many cells."""

from __future__ import annotations

import base64
import hashlib
import html
import itertools
import json

from .sheet import MARGIN
from .state import Control, Sliders, value_text

_counter = itertools.count(1)  # two equal figures on one page still get two ids
_SCRIPT = """
(function () {
  var box = document.getElementById("%(id)s"), d = %(state)s;
  if (!box || box.dataset.ready) return;
  box.dataset.ready = "1";
  var img = box.querySelector("img"), says = box.querySelector("[aria-live]");
  var inputs = Array.prototype.slice.call(box.querySelectorAll("input"));
  function show() {
    var cell = 0, words = inputs.map(function (input, k) {
      var at = +input.value, text = d.texts[k][at];
      cell = cell * d.texts[k].length + at;
      input.setAttribute("aria-valuetext", text);
      box.querySelector("output[for='" + input.id + "']").textContent = text;
      return d.labels[k] + " " + text;
    });
    var x = cell %% d.columns, y = Math.floor(cell / d.columns);
    img.style.transform = "translate(" + -100 * (x + d.inset[0]) / d.columns + "%%," +
      -100 * (y + d.inset[1]) / d.rows + "%%)";
    img.alt = d.alt + " " + words.join(", ") + ".";
    says.textContent = d.captions ? d.captions[cell] : words.join(", ");
    box.dataset.cell = cell;
  }
  inputs.forEach(function (input) { input.disabled = false; input.addEventListener("input", show); });
  show();
})();
"""


def _row(uid: str, k: int, control: Control) -> str:
    name, text = html.escape(control.label), html.escape(value_text(control.levels[control.start]))
    return (
        f'<div class="fer-control"><label for="{uid}-{k}">{name}</label>'
        f'<input type="range" id="{uid}-{k}" min="0" max="{len(control.levels) - 1}" step="1" '
        f'value="{control.start}" autocomplete="off" disabled>'
        f'<output for="{uid}-{k}">{text}</output></div>'
    )


def static(figure: Sliders) -> str:
    """Return the twin as HTML that works on its own; without JavaScript it shows the starting picture."""
    sheet = figure.sheet()
    uid = f"fer-{hashlib.sha256(sheet.data).hexdigest()[:8]}-{next(_counter)}"
    controls = list(figure.controls.values())
    rows = -(-sheet.count // sheet.columns)
    captions = [figure.caption(**state) for state in figure.states()] if figure.caption else None
    inset = (MARGIN / sheet.pitch[1], MARGIN / sheet.pitch[0])  # x, y, in cells
    state = {
        "alt": figure.alt, "columns": sheet.columns, "rows": rows, "inset": inset, "captions": captions,
        "labels": [control.label for control in controls],
        "texts": [[value_text(value) for value in control.levels] for control in controls],
    }  # fmt: skip
    first = figure.index([control.start for control in controls])
    y, x = divmod(first, sheet.columns)
    scale = 100 * sheet.columns * sheet.pitch[1] / sheet.cell[1]  # width of the sheet in widths of a picture
    shift = f"translate({-100 * (x + inset[0]) / sheet.columns:.6g}%,{-100 * (y + inset[1]) / rows:.6g}%)"
    script = _SCRIPT % {"id": uid, "state": json.dumps(state).replace("<", "\\u003c")}
    words = ", ".join(f"{c.label} {value_text(c.levels[c.start])}" for c in controls)
    source = base64.b64encode(sheet.data).decode()
    return (
        f'<figure class="fer-figure fer-explore" id="{uid}" data-cell="{first}">'
        f'<div class="fer-view" style="width:{figure.width}px;max-width:100%;overflow:hidden;'
        f'aspect-ratio:{sheet.cell[1]}/{sheet.cell[0]}">'
        f'<img class="dark-light" decoding="async" alt="{html.escape(f"{figure.alt} {words}.")}" '
        f'style="display:block;max-width:none;margin:0;width:{scale:.6g}%;height:auto;transform:{shift}" '
        f'src="data:image/webp;base64,{source}"></div>'
        f'<div class="fer-controls">{"".join(_row(uid, k, c) for k, c in enumerate(controls))}</div>'
        f'<figcaption aria-live="polite" class="{"fer-caption" if captions else "fer-hidden"}">'
        f"{html.escape(captions[first] if captions else words)}</figcaption>"
        f"<script>{script}</script></figure>"
    )
