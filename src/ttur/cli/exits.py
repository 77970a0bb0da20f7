"""The program `ttur`: how it ends, and what it says of a mistake."""

import re
import sys
from collections.abc import Callable

FINISHED, FAILED, BAD_INPUT, DIVERGED, INTERRUPTED = 0, 1, 2, 3, 130

# Arguments that have another name on the command line.
_FLAGS = {
    "directory": "--out",
    "data_directory": "--data",
    "updates": "--steps",
    "evaluation_samples": "--samples",
    "evaluate_every_updates": "--evaluate-every",
    "settings": "--set",
    "target_name": "--name",
}
# Fields of a configuration that messages name; `ttur run` has no flag of its own for them.
_FIELDS = (
    "image_size",
    "kid_subset_size",
    "length",
    "monitor_every_updates",
    "protocol",
    "tracking_gap_every_updates",
)


def run_and_exit(app: Callable[[], object]) -> None:
    """A mistake of the user is one line on stderr and exit code 2."""
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except (ValueError, OSError) as error:
        print(f"error: {in_flags(_message(error))}", file=sys.stderr)
        sys.exit(BAD_INPUT)
    except MemoryError as error:
        print(f"error: out of memory; {error or 'make room and repeat'}", file=sys.stderr)
        sys.exit(FAILED)


def in_flags(message: str) -> str:
    """A message in which arguments, between backticks and alone, are words of the command line.

    >>> in_flags("choose another `directory` or `batch_size`; see `ttur run`")
    'choose another --out or --batch-size; see `ttur run`'
    """
    return re.sub("`([a-z_]+)`", lambda found: _flag(found[1]), message)


def _flag(argument: str) -> str:
    if argument in _FIELDS and sys.argv[1:2] == ["run"]:
        return f"--set {argument}=..."
    return _FLAGS.get(argument) or f"--{argument.replace('_', '-')}"


def _message(error: Exception) -> str:
    if type(error).__name__ == "ValidationError":  # pydantic's, of a configuration
        from ttur.runtime.settings import reasons

        return reasons(error)  # pyright: ignore[reportArgumentType]
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return str(error)
