"""Draw `book/images/system.png`: the system at work in one picture, from a real run on a synthetic clip.

Run `python -m tools.picture` when weights or Mime change.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fer_nb import mime, plots, predict
from fer_nb.labels import LABELS
from fer_nb.plots.base import CARD, DASHES, INK

OUT = Path(__file__).resolve().parent.parent / "book" / "images" / "system.png"
PERSON, LABEL = 44, "surprise"


def main() -> None:
    clip = mime.clip("validate", PERSON, 0, LABEL)
    answer = predict(clip)
    sequence = answer.sequence
    shown = np.linspace(0, len(clip) - 1, 5).astype(int)
    with plots.style():
        fig, _ = plots.canvas(12.5, 5.2)
        fig.clear()
        fig.set_layout_engine(None)
        fig.set_facecolor(CARD)
        for place, t in enumerate(shown):
            ax = fig.add_axes((0.02 + 0.084 * place, 0.60, 0.08, 0.24))
            ax.imshow(clip.frames[t])
            ax.set_axis_off()
        fig.text(0.02, 0.90, "a video", fontsize=14)
        face = fig.add_axes((0.03, 0.06, 0.15, 0.38))
        face.imshow(clip.frames[sequence.apex])
        face.scatter(*sequence.points[sequence.apex][:, :2].T, s=1.2, c=plots.PALETTE[5], linewidths=0)
        face.set_axis_off()
        fig.text(0.03, 0.46, "motion of 478 points", fontsize=12)
        still = fig.add_axes((0.23, 0.06, 0.15, 0.38))
        still.imshow(sequence.crops[sequence.apex], cmap="gray")
        still.set_axis_off()
        fig.text(0.23, 0.46, "one still of the face", fontsize=12)
        arrow = {"arrowstyle": "-|>", "color": INK, "lw": 1.6}
        line = fig.add_axes((0, 0, 1, 1), facecolor="none")
        line.set_axis_off()
        line.set(xlim=(0, 1), ylim=(0, 1))
        for start, end in (
            ((0.105, 0.56), (0.105, 0.51)),
            ((0.305, 0.56), (0.305, 0.51)),
            ((0.39, 0.26), (0.46, 0.45)),
        ):
            line.annotate("", end, start, arrowprops=arrow)
        course = fig.add_axes((0.52, 0.17, 0.37, 0.66))
        for k, label in enumerate(LABELS):
            values = answer.course[:, k]
            strong = values.max() > 0.25
            course.plot(
                answer.ticks,
                values,
                color=plots.label_color(label),
                linestyle=DASHES[k],
                lw=2.4 if strong else 1.0,
            )
            if strong:
                t = int(values.argmax())
                course.annotate(
                    label, (answer.ticks[t], values[t]), (4, 5), textcoords="offset points", fontsize=13
                )
        course.set(
            xlabel="seconds", ylabel="probability", ylim=(0, 1.05), title="the expression of every moment"
        )
        OUT.parent.mkdir(parents=True, exist_ok=True)
        fig.savefig(OUT, dpi=110, facecolor=CARD)
    print(f"wrote {OUT.name}: {answer.label}")


if __name__ == "__main__":
    main()
