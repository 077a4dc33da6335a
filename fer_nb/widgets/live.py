"""The live figure: ipywidgets sliders that call the draw function in the kernel."""

from __future__ import annotations

import base64
import html
from typing import Any

from .sheet import rgb, webp
from .state import Control, Sliders, value_text


def view(figure: Sliders) -> dict[str, Any] | None:
    """Return the mime bundle of the live widget; None where ipywidgets is not installed."""
    try:
        import ipywidgets
    except ImportError:
        return None
    inputs = {name: _slider(ipywidgets, control) for name, control in figure.controls.items()}
    picture, caption = ipywidgets.HTML(), ipywidgets.HTML()

    def show(_: Any = None) -> None:
        values = {name: slider.value for name, slider in inputs.items()}
        words = ", ".join(
            f"{figure.controls[name].label} {value_text(value)}" for name, value in values.items()
        )
        source = base64.b64encode(webp(rgb(figure.draw(**values)), 90)).decode()
        alt = html.escape(f"{figure.alt} {words}.")
        look = f'alt="{alt}" style="width:{figure.width}px;height:auto"'
        picture.value = f'<img src="data:image/webp;base64,{source}" {look}>'
        caption.value = html.escape(figure.caption(**values)) if figure.caption else ""

    for slider in inputs.values():
        slider.observe(show, "value")
    show()
    return ipywidgets.VBox([picture, *inputs.values(), caption])._repr_mimebundle_()


def _slider(ipywidgets: Any, control: Control) -> Any:
    common = {"description": control.label, "style": {"description_width": "initial"}}
    numbers = [value for value in control.levels if not isinstance(value, str)]
    if len(numbers) < len(control.levels):
        start = control.levels[control.start]
        return ipywidgets.SelectionSlider(options=list(control.levels), value=start, **common)
    low, high = min(numbers), max(numbers)  # with a kernel every value between the levels can be drawn
    start = numbers[control.start]
    if all(isinstance(value, int) for value in numbers):
        return ipywidgets.IntSlider(min=low, max=high, value=start, **common)
    return ipywidgets.FloatSlider(min=low, max=high, step=(high - low) / 40, value=start, **common)
