"""Fields of the panel: magicgui's widgets, bound to the settings both ways.

What they show is declared with the setting, see `viewer.widget_options`. Not magicgui's
`guiclass`: it makes one form of a whole dataclass, with a widget for every field, where
these are spread over sections and some settings have no field; it does not support
`int | None` with the default None, nor `tuple[int, ...]`; and the instance keeps its
form, so that a setting that changes once Qt has deleted the form raises an error.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from magicgui.type_map import get_widget_class
from magicgui.widgets import CheckBox, ComboBox, ProgressBar
from napari.layers import Layer
from qtpy.QtCore import QSize, Qt
from qtpy.QtWidgets import QComboBox, QSpinBox

from napari_hqsam.viewer.widget_options import options_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from psygnal import SignalGroup

    from napari_hqsam.viewer.widget_options import ChoiceEntry

_STEPS = 1000
"""Of a progress bar."""
_ARROWS = 62
"""Screen pixels that napari's two arrows and frame of a spin box take."""


class Evented(Protocol):
    """A dataclass whose fields have events."""

    @property
    def events(self) -> SignalGroup:
        """One event for each field."""


class Choice(ComboBox):
    """Combo box whose signal `changed` is emitted for choices of the user alone.

    Parameters
    ----------
    entries : sequence of (text, value, tip)
    tip : str
    nothing : str
        Text of a first entry, whose value is None; "" for none.
    **options
        Options of magicgui's `ComboBox`.
    """

    def __init__(
        self,
        entries: Sequence[ChoiceEntry] = (),
        tip: str = "",
        *,
        nothing: str = "",
        **options: Any,  # noqa: ANN401
    ) -> None:
        self._entries = entries
        self._listed: list[ChoiceEntry] | None = None
        if nothing:
            self.null_string = nothing
        super().__init__(
            choices=lambda _: [entry[:2] for entry in self._listed or ()],
            nullable=bool(nothing),
            tooltip=tip,
            **options,
        )
        narrow(self.native)

    def entries(self) -> Sequence[ChoiceEntry]:
        """Return what can be chosen now."""
        return self._entries

    def offer(self, entries: Sequence[ChoiceEntry]) -> None:
        """Replace the entries; the value stays if it is among them."""
        self._entries = entries
        self.reset_choices()

    def reset_choices(self, *_: object) -> None:
        """Update the list; the value stays, whatever its text is now."""
        chosen, entries = self.value, list(self.entries())
        if entries == self._listed:
            return
        self._listed = entries
        with self.changed.blocked():
            self.native.clear()  # magicgui appends new entries at the end
            super().reset_choices()
        for text, _value, tip in entries:
            at = self.native.findText(text)
            self.native.setItemData(at, tip, Qt.ItemDataRole.ToolTipRole)
        self.show_value(chosen)

    def show_value(self, value: object) -> None:
        """Show a value without a signal; no entry if it is not in the list."""
        with self.changed.blocked():
            if value in self.choices:
                self.value = value
            else:
                self.native.setCurrentIndex(self.native.findText(self.null_string))


class LayerChoice(Choice):
    """Choice among the layers of the viewer that the widget is in, the upper first.

    Who docks it, or a widget with it, calls `reset_choices` when the layers change;
    napari does so for what it docks.

    Parameters
    ----------
    *kinds : type of Layer
    tip : str
    nothing : str
        Text of an entry that stands for no layer; "" for none.
    skip : callable
        Which layers not to offer.
    """

    def __init__(
        self,
        *kinds: type[Layer],
        tip: str,
        nothing: str = "",
        skip: Callable[[Layer], bool] = lambda _: False,
    ) -> None:
        self._kinds, self._skip = kinds, skip
        # napari has registered how the layers of the viewer are found.
        _, found = get_widget_class(annotation=Layer)
        self._layers = found["choices"]
        super().__init__(tip=tip, nothing=nothing, annotation=Layer)

    def entries(self) -> Sequence[ChoiceEntry]:
        """Return the layers that can be chosen."""
        return [
            (layer.name, layer, "")
            for layer in reversed(self._layers(self))
            if isinstance(layer, self._kinds) and not self._skip(layer)
        ]


def bind(field: Choice | CheckBox, model: Evented, name: str) -> None:
    """Bind a widget and a field of a model: each is set when the other changes."""
    event = model.events[name]
    if isinstance(field, Choice):
        field.show_value(getattr(model, name))
        event.connect(field.show_value)
    else:
        field.value = getattr(model, name)
        event.connect_setattr(field, "value", maxargs=1)
    field.changed.connect_setattr(model, name, maxargs=1)


def choice(
    model: Evented, name: str, entries: Sequence[ChoiceEntry] = (), tip: str = ""
) -> Choice:
    """Make a combo box for a setting; entries and tip as declared, if not given."""
    if not entries:
        options = options_of(model, name)
        entries, tip = options.choices, tip or options.tip
    box = Choice(entries, tip)
    bind(box, model, name)
    return box


def switch(model: Evented, name: str, key: str = "") -> CheckBox:
    """Make a check box for a setting, with the key that switches it, if any."""
    options = options_of(model, name)
    text = f"{options.text} ({key})" if key else options.text
    box = CheckBox(text=text, tooltip=options.tip)
    bind(box, model, name)
    return box


def progress_bar(tip: str) -> ProgressBar:
    """Make a progress bar, hidden at first; see `show_progress`."""
    return ProgressBar(max=_STEPS, tooltip=tip, visible=False)


def show_progress(bar: ProgressBar, share: float, text: str = "") -> None:
    """Show a fraction, 0..1, with a text or the percentage, on a progress bar."""
    bar.native.setFormat(text.replace("%", "%%") or "%p%")
    bar.value = round(_STEPS * min(max(share, 0.0), 1.0))


class SpinBox(QSpinBox):
    """Spin box as wide as its longest number; Qt forgets napari's own arrows.

    Qt's own: magicgui's has no unit behind the number, is as wide as the number of
    now, and takes the focus when the program changes it.
    """

    def minimumSizeHint(self) -> QSize:
        """Return the minimum size in the current font."""
        texts = (self.textFromValue(v) for v in (self.minimum(), self.maximum()))
        metrics = self.fontMetrics()
        longest = max(
            metrics.horizontalAdvance(f"{self.prefix()}{text}{self.suffix()}")
            for text in texts
        )
        hint = super().minimumSizeHint()
        return QSize(max(hint.width(), longest + _ARROWS), hint.height())

    def sizeHint(self) -> QSize:
        """Return the minimum size as the preferred one."""
        return self.minimumSizeHint()


def number(model: Evented, name: str) -> SpinBox:
    """Make a spin box for a setting, from 0 to the declared maximum."""
    options = options_of(model, name)
    box = SpinBox()
    box.setRange(0, options.maximum)
    box.setSuffix(f" {options.unit}")
    box.setToolTip(options.tip)
    box.setValue(getattr(model, name))
    box.valueChanged.connect(lambda value: setattr(model, name, value))
    model.events[name].connect(lambda value: box.setValue(value))
    return box


def narrow(box: QComboBox) -> QComboBox:
    """Keep a combo box from growing with its longest entry."""
    box.setSizeAdjustPolicy(
        QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
    )
    box.setMinimumContentsLength(4)
    return box
