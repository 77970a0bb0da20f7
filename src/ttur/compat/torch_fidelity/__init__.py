"""torch-fidelity 0.4.0: `calculate_metrics`, and `python -m ttur.compat.torch_fidelity`.

Protocol `tf1`; `input1` is what was generated. `GenerativeModelModuleWrapper` makes an input of a
generator, as there.
"""

from ttur.compat.torch_fidelity.inputs import GenerativeModelBase as GenerativeModelBase
from ttur.compat.torch_fidelity.inputs import (
    GenerativeModelModuleWrapper as GenerativeModelModuleWrapper,
)
from ttur.compat.torch_fidelity.metrics import calculate_metrics as calculate_metrics
