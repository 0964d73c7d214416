"""The command line. What it does is done by the rooms below; this only asks.

Nothing heavy is imported before a command needs it: ``--help`` is instant.
Bad input prints one line and exits with 2; exit 0 means the output is complete.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from collections import defaultdict
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_hqsam import __version__
from napari_hqsam.errors import HqsamError, HqsamWarning, ImageError, PromptError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from napari_hqsam.images import Image, NormalizationSpec
    from napari_hqsam.prompts import Prompt

PROGRAM = "napari-hqsam"

app = typer.Typer(
    name=PROGRAM,
    help="Click to segment large and 3D microscopy images with HQ-SAM.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
models_app = typer.Typer(
    help="Which models there are, and getting them.", rich_markup_mode=None
)
app.add_typer(models_app, name="models", invoke_without_command=True)

ModelOption = Annotated[
    str, typer.Option("--model", "-m", help="Name (see `models`) or weights file.")
]
DeviceOption = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1 or mps.")]
PrecisionOption = Annotated[str, typer.Option(help="auto, float32 or bfloat16.")]
OutputOption = Annotated[str, typer.Option(help="Which mask: sam+hq, sam or hq.")]


def main() -> None:
    """Entry point of ``napari-hqsam``."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("always", HqsamWarning)
            warnings.showwarning = _show_warning
            app()
    except HqsamError as error:
        _say(f"{PROGRAM}: {' '.join(str(error).split())}", error=True)
        sys.exit(2)
    except KeyboardInterrupt:
        _say(f"{PROGRAM}: stopped; nothing was written", error=True)
        sys.exit(130)


def _say(text: str = "", *, error: bool = False) -> None:
    print(text, file=sys.stderr if error else sys.stdout, flush=True)


def _show_warning(
    message: Warning | str, category: type[Warning], *rest: object, **named: object
) -> None:
    """One line for our own warnings; other libraries' do not concern the user."""
    if issubclass(category, HqsamWarning):
        _say(f"{PROGRAM}: warning: {' '.join(str(message).split())}", error=True)


@contextmanager
def _timed(what: str) -> Iterator[list[str]]:
    """Print what was done and how long it took; the body may add details."""
    details: list[str] = []
    start = time.perf_counter()
    yield details
    seconds = time.perf_counter() - start
    _say(f"  {what:<22}{seconds:8.3f} s   {', '.join(details)}".rstrip())


def _version(value: bool) -> None:
    if value:
        _say(__version__)
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show.")
    ] = False,
) -> None:
    """Click to segment large and 3D microscopy images with HQ-SAM."""


# --- segmenting ------------------------------------------------------------


@app.command()
def demo(
    folder: Annotated[
        Path, typer.Option("--out", "-o", help="Folder for the results.")
    ] = Path("hqsam-demo"),
    model: ModelOption = "micro",
    device: DeviceOption = "auto",
    precision: PrecisionOption = "auto",
) -> None:
    """Segment a shipped picture of nuclei from clicks and boxes."""
    from napari_hqsam.sample import NUCLEI, PROMPTS

    _make_folder(folder)
    _say(f"HQ-SAM on {NUCLEI.name}, prompts from {PROMPTS.name}:")
    _run(
        NUCLEI,
        folder / "nuclei_labels.tif",
        prompts_file=PROMPTS,
        overlay=folder / "nuclei_overlay.png",
        model=model,
        device=device,
        precision=precision,
    )


@app.command()
def segment(
    image: Annotated[Path, typer.Argument(help="TIFF, PNG, zarr, npy, ...")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Labels: .tif or .zarr.")],
    prompts: Annotated[
        Path | None, typer.Option(help="Prompts: .csv, .geojson or .json.")
    ] = None,
    point: Annotated[
        list[str] | None, typer.Option(help="Click y,x; one object each.")
    ] = None,
    box: Annotated[
        list[str] | None, typer.Option(help="Box y0,x0,y1,x1; one object each.")
    ] = None,
    plane: Annotated[
        str | None, typer.Option(help="Plane of a stack, such as 12 or 0,12.")
    ] = None,
    axes: Annotated[
        str | None, typer.Option(help="Axes of the image, such as zyx or cyx.")
    ] = None,
    channels: Annotated[
        str | None, typer.Option(help="Channels shown as red, green, blue: 2 or 0,2,1.")
    ] = None,
    normalization: Annotated[
        str, typer.Option(help="percentile, none, or low,high.")
    ] = "percentile",
    overlay: Annotated[
        Path | None, typer.Option(help="Also draw the outlines to this .png.")
    ] = None,
    output: OutputOption = "sam+hq",
    clean: Annotated[bool, typer.Option(help="Drop specks, fill pinholes.")] = True,
    overlap: Annotated[
        str, typer.Option(help="Pixels of two objects: keep or overwrite.")
    ] = "keep",
    model: ModelOption = "micro",
    device: DeviceOption = "auto",
    precision: PrecisionOption = "auto",
) -> None:
    """Segment objects of an image from clicks, boxes or masks."""
    _run(
        image,
        out,
        prompts_file=prompts,
        points=point or [],
        boxes=box or [],
        plane=plane,
        axes=axes,
        channels=channels,
        normalization=normalization,
        overlay=overlay,
        output=output,
        clean=clean,
        overlap=overlap,
        model=model,
        device=device,
        precision=precision,
    )


def _run(
    image_path: Path,
    out: Path,
    *,
    prompts_file: Path | None = None,
    points: Sequence[str] = (),
    boxes: Sequence[str] = (),
    plane: str | None = None,
    axes: str | None = None,
    channels: str | None = None,
    normalization: str = "percentile",
    overlay: Path | None = None,
    output: Any = "sam+hq",  # noqa: ANN401 - checked by the segmenter
    clean: bool = True,
    overlap: Any = "keep",  # noqa: ANN401 - checked by paint
    model: str = "micro",
    device: str = "auto",
    precision: str = "auto",
) -> None:
    """Read, segment, write: the main job, said step by step."""
    from napari_hqsam.images import open_image

    _check_outputs(out, overlay)
    shown = None if channels is None else _integers(channels, "--channels")
    limits = _limits(normalization)
    index = None if plane is None else _integers(plane, "--plane")
    with _timed("open the image") as details:
        image = open_image(image_path, axes=axes, channels=shown)
        details.append(f"{image.name}, {image.axes} {image.shape}, {image.dtype}")
    groups = _by_plane(_all_prompts(prompts_file, points, boxes), index, image)
    start = time.perf_counter()
    from napari_hqsam.labels import write_labels
    from napari_hqsam.models import load_model
    from napari_hqsam.segmentation import Segmenter

    imported = time.perf_counter() - start
    with _timed("load the model") as details:
        loaded = load_model(model, device=device, precision=precision)
        dtype = str(loaded.dtype).removeprefix("torch.")
        details.append(f"{loaded.name}, {loaded.device} {dtype}")
        details.append(f"after {imported:.1f} s for importing torch")
    segmenter = Segmenter(image, loaded, normalization=limits)
    labels = _segment_groups(segmenter, groups, output, overlap, clean=clean)
    with _timed("write the labels") as details:
        write_labels(out, labels)
        details.append(str(out))
    if overlay is not None:
        with _timed("draw the overlay") as details:
            _draw(segmenter, labels, groups, overlay)
            details.append(str(overlay))


def _segment_groups(
    segmenter: Any,  # noqa: ANN401 - not imported before it is needed
    groups: dict[tuple[int, ...], list[Prompt]],
    output: Any,  # noqa: ANN401
    overlap: Any,  # noqa: ANN401
    *,
    clean: bool,
) -> Any:  # noqa: ANN401
    """Segment plane by plane into one label image of the image's planes."""
    import numpy as np

    from napari_hqsam.labels import paint

    image = segmenter.image
    for group in groups.values():  # nothing is computed if any prompt is wrong
        for prompt in group:
            prompt.check_on(image.plane_shape)
    labels = np.zeros((*image.leading_shape, *image.plane_shape), np.uint32)
    ids = _label_ids(groups)
    for index, group in groups.items():
        where = f" plane {','.join(map(str, index))}" if index else ""
        with _timed(f"encode{where}") as details:
            segmenter.prepare(index)
            details.append(f"{segmenter.model.input_size} px tile")
        with _timed(f"decode{where}") as details:
            masks = segmenter.segment_many(
                group, plane=index, output=output, clean=clean
            )
            details.append(f"{len(masks)} prompts")
        lost = 0
        for mask, label_id in zip(masks, ids[index], strict=True):
            drawn = mask.area and paint(
                labels, mask.bbox, mask.data, label_id, overlap, index=index
            )
            lost += not drawn
        if lost:
            warnings.warn(
                f"{lost} of {len(masks)} prompts{where} gave no pixels of their own: "
                "an empty mask, or all of it taken by other objects",
                HqsamWarning,
                stacklevel=2,
            )
    return labels


def _label_ids(
    groups: dict[tuple[int, ...], list[Prompt]],
) -> dict[tuple[int, ...], list[int]]:
    """Ids for all prompts: their own, else the next that none has."""
    used = {p.label_id for group in groups.values() for p in group if p.label_id}
    free = (i for i in range(1, 2**32) if i not in used)
    return {
        index: [p.label_id or next(free) for p in group]
        for index, group in groups.items()
    }


def _draw(
    segmenter: Any,  # noqa: ANN401
    labels: Any,  # noqa: ANN401
    groups: dict[tuple[int, ...], list[Prompt]],
    path: Path,
) -> None:
    """Overlay of the first plane that has prompts."""
    from napari_hqsam.errors import OutputError
    from napari_hqsam.labels import draw_overlay

    index, group = next(iter(groups.items()))
    rgb = segmenter.normalization.to_rgb8(segmenter.image.read_plane(index))
    picture = draw_overlay(
        rgb,
        labels[index],
        [p for prompt in group for p in prompt.points],
        [label for prompt in group for label in prompt.point_labels],
        [prompt.box for prompt in group if prompt.box],
    )
    try:
        picture.save(path, format="PNG")
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror}") from error


# --- arguments -------------------------------------------------------------


def _integers(text: str, option: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise ImageError(
            f"{option} {text!r} is not a list of whole numbers such as 0,12"
        ) from None


def _floats(text: str, count: int, option: str, example: str) -> tuple[float, ...]:
    try:
        numbers = tuple(float(part) for part in text.split(","))
    except ValueError:
        numbers = ()
    if len(numbers) != count:
        raise PromptError(f"{option} {text!r} is not {count} numbers such as {example}")
    return numbers


def _limits(text: str) -> NormalizationSpec:
    if text in ("percentile", "none"):
        return text  # type: ignore[return-value]
    low, high = _floats(text, 2, "--normalization", "100,4000 (or percentile, none)")
    return low, high


def _all_prompts(
    path: Path | None, points: Sequence[str], boxes: Sequence[str]
) -> list[Prompt]:
    from napari_hqsam.prompts import Prompt, read_prompts

    prompts = [] if path is None else read_prompts(path)
    prompts += [Prompt([_floats(p, 2, "--point", "120,64")]) for p in points]
    prompts += [Prompt(box=_floats(b, 4, "--box", "10,20,60,80")) for b in boxes]
    if not prompts:
        raise PromptError("no prompts: give --prompts FILE, --point y,x or --box ...")
    return prompts


def _by_plane(
    prompts: list[Prompt], plane: tuple[int, ...] | None, image: Image
) -> dict[tuple[int, ...], list[Prompt]]:
    """Group prompts by plane: their own, else --plane, else the only one."""
    groups: dict[tuple[int, ...], list[Prompt]] = defaultdict(list)
    for prompt in prompts:
        index = prompt.plane if prompt.plane is not None else plane
        if index is None and image.leading_axes:
            sizes = dict(zip(image.leading_axes, image.leading_shape, strict=True))
            raise PromptError(
                f"{image.name} is a stack ({sizes}) and a prompt names no plane: "
                "give --plane, or columns for these axes in the prompts file"
            )
        groups[index or ()].append(prompt)
    return dict(groups)


def _check_outputs(out: Path, overlay: Path | None) -> None:
    """Refuse before any work what could not be written after it."""
    from napari_hqsam.errors import OutputError
    from napari_hqsam.labels import check_writable

    check_writable(out)
    if overlay is not None:
        if overlay.suffix.lower() != ".png":
            raise OutputError(f"{overlay} is no .png: name the overlay NAME.png")
        if not overlay.resolve().parent.is_dir():
            raise OutputError(f"folder {overlay.parent} does not exist: make it first")


def _make_folder(folder: Path) -> None:
    from napari_hqsam.errors import OutputError

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"folder {folder} cannot be made ({error.strerror}): give another with -o"
        ) from error


# --- measuring and models --------------------------------------------------


@app.command()
def evaluate(
    folder: Annotated[Path, typer.Argument(help="Holds images/ and labels/.")],
    prompts: Annotated[
        list[str] | None, typer.Option(help="box, click, clicks3, clicks5; repeatable.")
    ] = None,
    model: ModelOption = "micro",
    max_objects: Annotated[
        int | None, typer.Option(help="At most so many objects an image.")
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Also write all scores to a file.")
    ] = None,
    device: DeviceOption = "auto",
    precision: PrecisionOption = "auto",
) -> None:
    """Measure a model on images with labels: IoU, boundary IoU, AP."""
    from tqdm import tqdm

    from napari_hqsam.evaluation.evaluate import MEASURES, find_pairs
    from napari_hqsam.evaluation.evaluate import evaluate as measure
    from napari_hqsam.models import load_model

    find_pairs(folder)
    if json_file is not None:
        _make_folder(json_file.resolve().parent)
    loaded = load_model(model, device=device, precision=precision)
    columns = [*MEASURES, "ap"]
    _say(f"{'prompts':<10}{'output':<9}" + "".join(f"{c:>19}" for c in columns))
    rows = []
    for kind in prompts or ["box", "click"]:
        scores = measure(
            loaded,
            folder,
            prompts=kind,
            max_objects=max_objects,
            progress=lambda pairs: tqdm(pairs, leave=False, disable=None),
        )
        measured = [s for s in scores if s.objects]
        for output in dict.fromkeys(o for s in measured for o, _ in s.means):
            means = [
                sum(s.means[output, c] for s in measured) / len(measured)
                for c in columns
            ]
            _say(f"{kind:<10}{output:<9}" + "".join(f"{m:>19.4f}" for m in means))
        rows += [
            {
                "prompts": kind,
                "image": s.image,
                "objects": s.objects,
                "skipped": s.skipped,
                **{f"{o} {c}": v for (o, c), v in s.means.items()},
            }
            for s in scores
        ]
    if json_file is not None:
        json_file.write_text(json.dumps(rows, indent=1) + "\n")


@models_app.callback()
def _models(context: typer.Context) -> None:
    """List the models: name, size, whether they are on this machine."""
    if context.invoked_subcommand is None:
        list_()


@models_app.command(name="list")
def list_() -> None:
    """List the models: name, size, whether they are on this machine."""
    from napari_hqsam.models import is_cached, list_models

    for checkpoint in list_models():
        here = "here" if is_cached(checkpoint.name) else "not fetched"
        size = f"{checkpoint.bytes / 1e6:.0f} MB"
        _say(f"{checkpoint.name:<10}{size:>8}  {here:<12} {checkpoint.description}")


@models_app.command()
def fetch(
    name: Annotated[str, typer.Argument(help="A name of `models list`.")],
) -> None:
    """Fetch a model into the user's cache, and verify it."""
    from napari_hqsam.models import fetch as fetch_model

    _say(str(fetch_model(name)))


@models_app.command()
def verify(
    names: Annotated[
        list[str] | None, typer.Argument(help="Names or files; all that are here.")
    ] = None,
) -> None:
    """Check sizes and SHA-256 digests of models."""
    from napari_hqsam.models import is_cached, list_models
    from napari_hqsam.models import verify as verify_model

    for name in names or [c.name for c in list_models() if is_cached(c.name)]:
        found = verify_model(name)
        _say(f"{name}: right ({found.name}, sha256 {found.sha256})")


@app.command()
def doctor() -> None:
    """Report versions, device, precision, memory, models, and time per tile."""
    from napari_hqsam.models import doctor_report
    from napari_hqsam.segmentation.timing import time_per_tile

    for title, text in [*doctor_report(), *time_per_tile()]:
        _say(f"{title:<16}{text}")


if __name__ == "__main__":
    main()
