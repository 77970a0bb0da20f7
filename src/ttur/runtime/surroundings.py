"""The settings of torch and numpy that numbers depend on, as they are before anybody sets one."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import backends

from ttur.runtime import undocumented


@dataclass(frozen=True)
class Setting:
    """One of the whole process. `neutral` are the values that compute alike; the first is set."""

    read: Callable[[], Any]
    write: Callable[[Any], None]
    neutral: tuple[Any, ...]

    @classmethod
    def of(cls, holder: Any, name: str, *neutral: Any) -> "Setting":
        return cls(partial(getattr, holder, name), partial(setattr, holder, name), neutral)


# What others inherit comes before them, for then they say what is their own.
_INHERITED = tuple(
    Setting.of(holder, "fp32_precision", "none", "ieee")
    for holder in (backends, backends.cudnn)
    if hasattr(holder, "fp32_precision")
)
_PROCESS = (
    Setting(torch.get_default_dtype, torch.set_default_dtype, (torch.float32,)),
    Setting(torch.get_deterministic_debug_mode, torch.set_deterministic_debug_mode, (0,)),
    # Since torch 2.9 by operation; the older switches, below, must agree with them.
    *(
        Setting.of(operation, "fp32_precision", "ieee", "none")
        for holder, names in (
            (backends.mkldnn, ("matmul", "conv", "rnn")),
            (backends.cuda, ("matmul",)),
            (backends.cudnn, ("conv", "rnn")),
        )
        for operation in (getattr(holder, name, None) for name in names)
        if hasattr(operation, "fp32_precision")
    ),
    Setting(torch.get_float32_matmul_precision, torch.set_float32_matmul_precision, ("highest",)),
    Setting.of(backends.cudnn, "allow_tf32", False),  # factors of 10 bits of mantissa
    Setting.of(backends.cudnn, "enabled", True),
    Setting.of(backends.cudnn, "benchmark", False),
    Setting.of(backends.cudnn, "deterministic", False),
    *(
        Setting.of(backends.mkldnn, name, neutral)
        for name, neutral in (("enabled", True), ("deterministic", False))
        if hasattr(backends.mkldnn, name)
    ),
    Setting.of(backends.cuda.matmul, "allow_fp16_reduced_precision_reduction", True),
    Setting.of(backends.cuda.matmul, "allow_bf16_reduced_precision_reduction", True),
    # Which attention is computed, on CPUs too.
    Setting(backends.cuda.flash_sdp_enabled, backends.cuda.enable_flash_sdp, (True,)),
    Setting(backends.cuda.math_sdp_enabled, backends.cuda.enable_math_sdp, (True,)),
    Setting(
        backends.cuda.mem_efficient_sdp_enabled, backends.cuda.enable_mem_efficient_sdp, (True,)
    ),
    Setting(backends.cuda.cudnn_sdp_enabled, backends.cuda.enable_cudnn_sdp, (True,)),
)
_DEVICES = ("cpu", "cuda", "mps", "xpu")  # that autocast knows
_GUARD = threading.Lock()
_within: list[ExitStack] = []  # one entry per block that is open, whatever the thread


@contextmanager
def neutral_surroundings() -> Iterator[None]:
    """Within, nothing that the caller set changes a number; afterwards all is as it was.

    No gradients, inference mode, autocast, default type or device, other mode of torch, TF32,
    choice of algorithms by cuDNN, oneDNN or attention, or error state of numpy. Threads and global
    generators are not touched. Settings of the whole process are put back when the last of several
    threads leaves.

        >>> import torch
        >>> with torch.autocast("cpu"), torch.device("meta"), neutral_surroundings():
        ...     print(torch.ones(2, 2) @ torch.ones(2, 2)[0])
        tensor([2., 2.])
    """
    with ExitStack() as stack:
        stack.enter_context(np.errstate(divide="warn", over="warn", under="ignore", invalid="warn"))
        stack.enter_context(undocumented.without_modes())
        if torch.is_inference_mode_enabled():
            stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.no_grad())
        for device in _DEVICES:
            if torch.is_autocast_enabled(device):
                stack.enter_context(torch.autocast(device, enabled=False))
        with _GUARD:
            if not _within:
                _within.append(_put_neutral())
            _within.append(_within[0])
        try:
            yield
        finally:
            with _GUARD:
                _within.pop()
                if len(_within) == 1:
                    _within.pop().close()


def _put_neutral() -> ExitStack:
    """The settings of the process; closing the stack puts back what they were."""
    stack = ExitStack()
    for settings in (_INHERITED, _PROCESS):
        values = [_value(setting) for setting in settings]
        for setting, value in zip(settings, values, strict=True):
            if value is not None and value not in setting.neutral:
                stack.callback(setting.write, value)
                setting.write(setting.neutral[0])
    return stack


def _value(setting: Setting) -> Any:
    try:
        return setting.read()
    except RuntimeError:  # an older switch, where the newer ones were set
        return None
