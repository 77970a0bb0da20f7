"""The program `ttur`: how it ends, and what it says of a mistake."""

import sys
from collections.abc import Callable

FINISHED, FAILED, BAD_INPUT, DIVERGED, INTERRUPTED = 0, 1, 2, 3, 130


def run_and_exit(app: Callable[[], object]) -> None:
    """A mistake of the user is one line on stderr and exit code 2."""
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except (ValueError, OSError) as error:
        print(f"error: {_message(error)}", file=sys.stderr)
        sys.exit(BAD_INPUT)
    except MemoryError as error:
        print(f"error: out of memory; {error or 'make room and repeat'}", file=sys.stderr)
        sys.exit(FAILED)


def _message(error: Exception) -> str:
    if type(error).__name__ == "ValidationError":  # pydantic's, of a configuration
        from ttur.runtime.settings import reasons

        return reasons(error)  # pyright: ignore[reportArgumentType]
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return str(error)
