"""The command line of pytorch-fid: `python -m ttur.compat.pytorch_fid A B`."""

import argparse
import os

from ttur.compat.networks import LAYERS
from ttur.compat.pytorch_fid.fid_score import calculate_fid_given_paths, save_fid_stats


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m ttur.compat.pytorch_fid",
        description="The FID of pytorch-fid: protocol torch, images at the top of two folders, or "
        ".npz files of statistics.",
    )
    parser.add_argument("--batch-size", type=int, default=50)
    parser.add_argument("--num-workers", type=int, help="threads that decode; default: cores, to 8")
    parser.add_argument("--device", default="auto", help="cuda, cuda:0, cpu; default: GPU if any")
    parser.add_argument("--dims", type=int, default=2048, choices=list(LAYERS))
    parser.add_argument(
        "--save-stats",
        action="store_true",
        help="write the statistics of the first path to the second",
    )
    parser.add_argument("path", nargs=2, help="folders of images, or .npz files of statistics")
    words = parser.parse_args()
    workers = min(os.cpu_count() or 1, 8) if words.num_workers is None else words.num_workers
    function = save_fid_stats if words.save_stats else calculate_fid_given_paths
    try:
        value = function(words.path, words.batch_size, words.device, words.dims, workers)
    except (ValueError, OSError, RuntimeError) as error:
        parser.exit(2, f"error: {error}\n")
    if value is not None:
        print("FID: ", value)


if __name__ == "__main__":
    main()
