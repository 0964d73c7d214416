"""From what was chosen to work for the worker. Runs on the main thread."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING

from napari_hqsam.errors import PromptError
from napari_hqsam.prompts import Prompt
from napari_hqsam.viewer.planes import layer_shape
from napari_hqsam.viewer.stack import plans as stack_plans
from napari_hqsam.viewer.stack import work as stack_work
from napari_hqsam.viewer.stack.prompts import slice_prompts
from napari_hqsam.viewer.stack.run import Run
from napari_hqsam.viewer.stack.stack_axis import OnePlane
from napari_hqsam.worker import Priority

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from napari.layers import Layer

    from napari_hqsam.sessions.session import Session
    from napari_hqsam.viewer.inference.engine import Engine
    from napari_hqsam.viewer.inference.requests import Request
    from napari_hqsam.viewer.session.accept import Acceptor
    from napari_hqsam.viewer.stack.prompts import SlicePrompts
    from napari_hqsam.viewer.stack.results import Results
    from napari_hqsam.viewer.stack.stack_axis import Walk
    from napari_hqsam.viewer.stack.state import StackState

# Of an object that is followed the size is known: its level goes by that, not by
# the objects accepted so far, as that of a click does.
_SIZED = Prompt(box=(0, 0, 1, 1))
_ANYWHERE = Prompt([(0, 0)])


class Tasks:
    """Makes runs of what was chosen.

    Parameters
    ----------
    objects : Acceptor
    state : StackState
    results : Results
    """

    def __init__(self, objects: Acceptor, state: StackState, results: Results) -> None:
        self._objects, self._labelling = objects, objects.labelling
        self._controller, self._scene = objects.controller, objects.scene
        self._state, self._results = state, results

    def walk(self) -> Walk:
        """Slices to be worked on.

        Raises
        ------
        ImageError
            No plane is shown, or there is one slice.
        """
        return stack_plans.walk_of(self._scene, self._state.axis)

    def make(self, source: Layer | None) -> Run:
        """Look at what there is to be done, before a target is made for it.

        Parameters
        ----------
        source : Layer or None
            Where the prompts of a batch are; None: the widget's own.

        Returns
        -------
        Run
            Without a session and steps; see `give_session`.

        Raises
        ------
        HqsamError
            There is nothing to go by.
        """
        walk, task = self.walk(), self._state.task
        span = self._state.span(walk)
        by = _SIZED if task in ("follow", "accepted") else _ANYWHERE
        request = self._controller.asking.request(walk.view, by)
        run = Run(walk, span, None, self._scene.key, request)
        run.total, run.task = span[1] - span[0], task
        if task == "follow":
            prompts = stack_plans.own_prompts(self._scene, walk)
            stack_plans.check_inside(prompts, span)
            if not prompts and self._results.shown_object() is None:
                raise PromptError(
                    "there are no prompts; click on an object, on one slice or more"
                )
            run.prompts = {(z, 0): prompt for z, prompt in prompts.items()}
        elif task == "accepted":
            stack_plans.check_inside([walk.z], span)
            if self._labelling.target is None:
                raise PromptError(
                    "no object is accepted yet; accept those of this slice first"
                )
        elif task in ("same", "each"):
            each = task == "each"
            prompts_of = slice_prompts(self._scene, walk, source, span, each=each)
            run.prompts, run.total = prompts_of.own, prompts_of.total
            self._prompt(run, prompts_of)
        return run

    def find_all(self) -> Run:
        """Make a run that finds the objects of the plane shown; see `make`.

        Raises
        ------
        ImageError
            No plane is shown.
        """
        view, image = self._scene.view(), self._scene.image
        assert image is not None
        walk = OnePlane.of(view, layer_shape(image))
        request = self._controller.asking.request(view, _ANYWHERE)
        run = Run(walk, (0, 1), None, self._scene.key, request)
        run.total, run.task = 1, "auto"
        return run

    def give_session(self, run: Run, session: Session) -> None:
        """Say what objects go into, and how they are found.

        Raises
        ------
        PromptError
            There is nothing to go by.
        """
        run.session, run.target = session, self._labelling.target
        task = run.task
        if task in ("follow", "accepted"):
            if task == "follow":
                said = [self._said_of_prompts(run, session)]
            job, direction = self._job(run), self._state.direction
            spacing = stack_plans.spacing_of(self._scene, run.walk)

            def steps(engine: Engine) -> Iterator[stack_work.Slice]:
                many = said if task == "follow" else _said_of_accepted(run, session)
                slices = stack_work.follow(job, many, direction, spacing, engine)
                return _looked_at(slices, job, session)

            run.steps = steps
        elif task == "auto":
            job = self._job(run)
            run.steps = lambda engine: stack_work.automatic(job, engine)

    def tracks(self) -> Run:
        """Make tracks of the target's labels.

        Raises
        ------
        HqsamError
            There are no labels, or not along time.
        """
        walk = self.walk()
        if self._labelling.target is None:
            raise PromptError("there are no labels yet; accept objects first")
        if walk.labels_axis:
            raise PromptError(
                "tracks run along the first axis of the labels (time); show slices "
                "across it, and choose it under 'along'"
            )
        request = self._controller.asking.request(walk.view, _ANYWHERE)
        span = self._state.span(walk)
        run = Run(walk, span, None, self._scene.key, request)
        run.target, run.total = self._labelling.target, span[1] - span[0]
        job = self._job(run)
        run.steps = lambda _: stack_work.track(job)
        return run

    # --- each task -----------------------------------------------------------

    def _said_of_prompts(self, run: Run, session: Session) -> stack_work.Said:
        """Tell what is known of the prompted object."""
        asked = {
            z: stack_work.Asked(*self._controller.question(run.walk.at(z), prompt))
            for (z, _), prompt in run.prompts.items()
        }
        label_id = self._objects.current.label_id
        if label_id is None and not asked:
            label_id = self._results.shown_object()
        if label_id is None:
            return stack_work.Said(asked)
        run.ids[0] = run.reopened = label_id
        known = self._results.followed_from(label_id, run.walk)
        said = stack_plans.said_of(session, label_id, run.walk, run.span, asked, known)
        run.kept[0] = frozenset(said.kept)
        return said

    def _prompt(self, run: Run, prompts: SlicePrompts) -> None:
        """Segment slices by prompts of their own, looked up one by one."""
        waiting: deque[stack_work.Prompted | None] = deque()

        def before() -> None:
            found = next(prompts.slices, None)
            if found is None:
                waiting.append(None)
                return
            z, many = found
            waiting.append(
                (z, self._request(run, z, many[0][1] if many else None), many)
            )

        run.before = before
        job = self._job(run)
        run.steps = lambda engine: stack_work.prompted(job, waiting.popleft, engine)

    def _request(self, run: Run, z: int, prompt: Prompt | None) -> Request:
        """Say how a slice is segmented, by the first of its prompts."""
        by = _ANYWHERE if prompt is None else prompt
        return self._controller.asking.request(run.walk.at(z), by)

    def _job(self, run: Run) -> stack_work.Job:
        worker, target = self._controller.worker, run.target
        array = None if target is None else target.array

        def asked() -> bool:
            if not worker.synchronous:
                worker.run_pending_above(Priority.BATCH)
            return run.cancelled.is_set()

        def tiles(done: int, total: int) -> None:
            self._controller.to_main(lambda: run.told_tiles(done, total))

        own: Callable[[], list[int]] = lambda: list(run.ids.values())  # noqa: E731
        return stack_work.Job(run.walk, run.span, run.request, array, asked, own, tiles)


def _said_of_accepted(run: Run, session: Session) -> list[stack_work.Said]:
    """Tell what is known of the objects of the slice shown; on the worker's thread."""
    found = stack_plans.accepted_on(session, run.walk, run.span)
    run.ids = dict(enumerate(found))
    run.kept = {key: frozenset(said.kept) for key, said in enumerate(found.values())}
    return [*found.values()]


def _looked_at(
    slices: Iterator[stack_work.Slice], job: stack_work.Job, session: Session
) -> Iterator[stack_work.Slice]:
    """Look where objects that were found in the labels lie; on the worker's thread.

    Else the main thread would go through the whole slice for each of them.
    """
    looked: set[int] = set()
    for each in slices:
        if each.z in looked or not any(map(session.table.was_found, job.own())):
            yield each
            continue
        looked.add(each.z)
        boxes = stack_plans.boxes_on(job.labels, job.walk.plane(each.z))
        yield replace(each, boxes=boxes)
