"""The errors and warnings of this package, with one root.

Each error is also a subclass of the builtin that a script would expect. Its message is
one line: the value, the limit, the remedy. The command line prints it and exits with
code 2; the viewer shows it as a notification.
"""

from reprlib import Repr

LONGEST = 60
LONGEST_REASON = 500
"""Most characters shown of a message of another library or the system."""
# long and deep values are not formatted completely
_brief = Repr()
_brief.maxlevel, _brief.maxstring, _brief.maxother = 3, 4 * LONGEST, 4 * LONGEST
_brief.maxlist = _brief.maxdict = _brief.maxtuple = _brief.maxlong = LONGEST


class HqsamError(Exception):
    """Root of all errors that this package raises on purpose.

    Parameters
    ----------
    *args
        As of the builtin.
    parameter : str, optional
        Name of the parameter to change; the command line shows its option.
    """

    def __init__(self, *args: object, parameter: str | None = None) -> None:
        super().__init__(*args)
        self.parameter = parameter


class ImageError(HqsamError, ValueError):
    """The image cannot be read or segmented (format, axes, dtype, size)."""


class PromptError(HqsamError, ValueError):
    """The prompt cannot be used on this plane (outside, empty, contradictory)."""


class ModelError(HqsamError, ValueError):
    """The model is unknown, or the device or precision is not available."""


class CheckpointError(ModelError):
    """The weights file is damaged, foreign, or does not fit the network."""


class FetchError(ModelError, OSError):
    """A checkpoint is not on this machine and could not be downloaded."""


class JobError(HqsamError, ValueError):
    """The description of a job cannot be used (unknown key, missing value)."""


class OutputError(HqsamError, OSError):
    """The result cannot be written to the given path."""


class HqsamWarning(UserWarning):
    """Something was corrected, such as NaN pixels; the result is valid.

    Parameters as for `HqsamError`.
    """

    def __init__(self, *args: object, parameter: str | None = None) -> None:
        super().__init__(*args)
        self.parameter = parameter


def shown(value: object) -> str:
    """Return the repr of a value on one line, truncated to `LONGEST` characters."""
    try:
        text = " ".join(_brief.repr(value).split())
    except ValueError:  # more digits than Python converts to text
        text = "a number with too many digits"
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."


def reason(error: BaseException) -> str:
    """Return why something failed, on one line, for the end of a message.

    Parameters
    ----------
    error : BaseException
        Raised by another library or the operating system.

    Returns
    -------
    str
        Its text without line breaks, truncated to `LONGEST_REASON` characters, since
        it may quote a file; its type if it has no text.
    """
    own = error.strerror if isinstance(error, OSError) else None
    text = " ".join((own or str(error)).split()) or type(error).__name__
    return text if len(text) <= LONGEST_REASON else f"{text[:LONGEST_REASON]}..."
