"""Draw the learning curve of a run: ``python -m napari_hqsam.training.curve LOG SVG``.

Reads the ``log.jsonl`` of the trainer and writes an SVG that browsers and
markdown pages show; needs only the standard library.
"""

from __future__ import annotations

import argparse
import json
from html import escape
from pathlib import Path

WIDTH, HEIGHT = 640, 280
LEFT, RIGHT, TOP, BOTTOM = 56, 96, 28, 36
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7")  # Okabe, Ito: seen by all

Series = dict[str, dict[int, float]]
"""Name to a mapping of step to value."""


def read_log(path: Path) -> tuple[Series, Series]:
    """Read losses and mean validation scores.

    If a step occurs twice, since a run was resumed, the later entry counts.

    Returns
    -------
    loss, validation : dict
        Series by name; "loss" alone, and "box", "click" of SAM + HQ.
    """
    loss: Series = {"loss": {}}
    validation: Series = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        if "loss" in entry:
            loss["loss"][entry["step"]] = entry["loss"]
        for name, value in entry.get("validation", {}).get("mean", {}).items():
            if "_" not in name:
                validation.setdefault(name, {})[entry["step"]] = value
    return loss, validation


def panel(
    title: str, series: Series, ends: tuple[int, int], top: float, high: float
) -> list[str]:
    """Draw series as lines against the step, as SVG elements.

    Parameters
    ----------
    title : str
        Title of the panel.
    series : dict
        At least one, with at least one step.
    ends : (int, int)
        Steps at the left and the right end; they differ.
    top : float
        Where the panel begins, pixels.
    high : float
        Value at its upper end, above 0; the lower is 0.
    """
    first, last = ends

    def place(step: float, value: float) -> tuple[float, float]:
        x = LEFT + (WIDTH - LEFT - RIGHT) * (step - first) / (last - first)
        y = TOP + (HEIGHT - TOP - BOTTOM) * (1 - value / high)
        return round(x, 1), round(top + y, 1)

    (x0, y0), (x1, y1) = place(first, 0), place(last, high)
    drawn = [
        f'<text x="{x0}" y="{y1 - 10}" font-weight="bold">{escape(title)}</text>',
        f'<text x="{x0}" y="{y0 + 28}">{first}</text>',
        f'<text x="{x1}" y="{y0 + 28}" text-anchor="end">{last} steps</text>',
    ]
    for i in range(5):
        value = high * i / 4
        y = place(first, value)[1]
        drawn.append(f'<path d="M{x0} {y}H{x1}" stroke="#888" stroke-opacity="0.3"/>')
        drawn.append(
            f'<text x="{x0 - 6}" y="{y + 4}" text-anchor="end">{value:.2f}</text>'
        )
    for colour, (name, values) in zip(COLOURS, series.items(), strict=False):
        points = [place(step, values[step]) for step in sorted(values)]
        line = " ".join(f"{x},{y}" for x, y in points)
        drawn.append(
            f'<polyline points="{line}" fill="none" stroke="{colour}" '
            'stroke-width="2"/>'
        )
        x, y = points[-1]
        drawn.append(
            f'<text x="{x + 6}" y="{y + 4}" fill="{colour}">{escape(name)}</text>'
        )
    return drawn


def draw(loss: Series, validation: Series) -> str:
    """Draw the validation above the loss, whichever there are, as an SVG file.

    Raises
    ------
    ValueError
        Both are empty.
    """
    steps = [step for part in (loss, validation) for v in part.values() for step in v]
    if not steps:
        raise ValueError("the log holds neither losses nor validations: train first")
    first, last = min(steps), max(steps)
    # the log of a run from the beginning has its first entry a little later
    ends = (first if last / 10 < first < last else 0), last
    panels: list[list[str]] = []
    if validation:
        title = "IoU on validation crops, mean over data sets"
        panels.append(panel(title, validation, ends, 0, 1.0))
    if loss["loss"]:
        high = max(loss["loss"].values())
        panels.append(panel("loss", loss, ends, HEIGHT * len(panels), high))
    body = "\n".join(element for elements in panels for element in elements)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" '
        f'height="{HEIGHT * len(panels)}" font-family="sans-serif" font-size="12" '
        f'fill="#888">\n{body}\n</svg>\n'
    )


def main() -> None:
    """Read a log and write a picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("log", type=Path, help="log.jsonl of a run")
    parser.add_argument("svg", type=Path, help="the picture")
    args = parser.parse_args()
    try:
        args.svg.write_text(draw(*read_log(args.log)), encoding="utf-8")
    except (OSError, ValueError, KeyError) as error:
        parser.error(f"no curve of {args.log}: {error}")


if __name__ == "__main__":
    main()
