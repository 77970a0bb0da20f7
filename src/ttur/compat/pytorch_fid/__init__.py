"""pytorch-fid 0.3.0: `python -m ttur.compat.pytorch_fid A B`, and its functions.

Protocol `torch`; the images are those at the top of a folder. `fid_score` and `inception` are the
modules of the same names there.
"""

from ttur.compat.pytorch_fid.fid_score import IMAGE_EXTENSIONS as IMAGE_EXTENSIONS
from ttur.compat.pytorch_fid.fid_score import (
    calculate_activation_statistics as calculate_activation_statistics,
)
from ttur.compat.pytorch_fid.fid_score import (
    calculate_fid_given_paths as calculate_fid_given_paths,
)
from ttur.compat.pytorch_fid.fid_score import (
    calculate_frechet_distance as calculate_frechet_distance,
)
from ttur.compat.pytorch_fid.fid_score import (
    compute_statistics_of_path as compute_statistics_of_path,
)
from ttur.compat.pytorch_fid.fid_score import get_activations as get_activations
from ttur.compat.pytorch_fid.fid_score import save_fid_stats as save_fid_stats
from ttur.compat.pytorch_fid.inception import InceptionV3 as InceptionV3
