"""One root for every error a user can cause or mend.

Each subclass is also the builtin a script would expect. The message is one
line: the value, the limit, the remedy. The command line prints it and exits
with code 2; the viewer shows it as a notification.
"""

from reprlib import Repr

LONGEST = 60
LONGEST_REASON = 500
"""Characters that are shown of what another library or the system says."""
# Neither long nor deep values are gone through to their end.
_brief = Repr()
_brief.maxlevel, _brief.maxstring, _brief.maxother = 3, 4 * LONGEST, 4 * LONGEST
_brief.maxlist = _brief.maxdict = _brief.maxtuple = _brief.maxlong = LONGEST


class HqsamError(Exception):
    """Root of all errors raised on purpose by this package."""


class ImageError(HqsamError, ValueError):
    """The image cannot be read or segmented (format, axes, dtype, size)."""


class PromptError(HqsamError, ValueError):
    """The prompt cannot be used on this plane (outside, empty, contradictory)."""


class ModelError(HqsamError, ValueError):
    """No such model, or the device or precision asked for is not to be had."""


class CheckpointError(ModelError):
    """The weights file is damaged, foreign, or does not fit the network."""


class FetchError(ModelError, OSError):
    """A checkpoint is not on this machine and could not be downloaded."""


class OutputError(HqsamError, OSError):
    """The result cannot be written where it was asked for."""


class HqsamWarning(UserWarning):
    """Something was mended (NaN pixels filled, say); the result still stands."""


def shown(value: object) -> str:
    """Return the repr of a value on one line, cut short if need be."""
    try:
        text = " ".join(_brief.repr(value).split())
    except ValueError:  # of more digits than Python turns into text
        text = "a number of endless digits"
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."


def reason(error: BaseException) -> str:
    """Why something failed, on one line, for the end of a message.

    Parameters
    ----------
    error : BaseException
        What another library or the operating system raised.

    Returns
    -------
    str
        Its text without line breaks, cut short if need be: it may hold whatever a
        file says. Its type where it has none.
    """
    told = error.strerror if isinstance(error, OSError) else None
    text = " ".join((told or str(error)).split()) or type(error).__name__
    return text if len(text) <= LONGEST_REASON else f"{text[:LONGEST_REASON]}..."
