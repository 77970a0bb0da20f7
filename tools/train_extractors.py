"""Train the embedded feature extractors: `python tools/train_extractors.py digits|cifar10`.

Prints the test accuracy after every epoch and writes `<out>/<name>.safetensors`: float16 weights
whose metadata entry `made` says how they came about. The last epoch is kept: the test split
chooses nothing.
"""

import argparse
import hashlib
import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from ttur.data.catalogue import load
from ttur.data.dataset import DataSet
from ttur.features.compact import Compact

CLASSES = 10


@dataclass(frozen=True)
class Recipe:
    """Stochastic gradient descent with Nesterov momentum under a one-cycle learning rate."""

    width: int
    epochs: int
    shift: int  # random translation by up to so many pixels, reflected at the border
    mirror: bool  # random horizontal flip
    batch_size: int = 256
    peak_learning_rate: float = 0.2
    momentum: float = 0.9
    weight_decay: float = 5e-4
    label_smoothing: float = 0.1
    warm_up: float = 0.25  # share of the updates in which the learning rate rises
    seed: int = 0


RECIPES = {
    "digits": Recipe(width=16, epochs=40, shift=2, mirror=False, batch_size=64),
    "cifar10": Recipe(width=32, epochs=10, shift=4, mirror=True),
}


def scaled(images: Tensor) -> Tensor:
    """uint8 NHWC -> float32 NCHW in memory format channels_last, (x - 128) / 128."""
    return ((images.float() - 128) / 128).permute(0, 3, 1, 2)


def augmented(padded: Tensor, recipe: Recipe, generator: torch.Generator) -> Tensor:
    """A random window of every padded image, mirrored or not: one gather for the whole batch."""
    count, side = len(padded), padded.shape[1] - 2 * recipe.shift
    corner = torch.randint(2 * recipe.shift + 1, (2, count, 1), generator=generator)
    rows, columns = corner + torch.arange(side)
    if recipe.mirror:
        flip = torch.rand(count, 1, generator=generator) < 0.5
        columns = torch.where(flip, columns.flip(1), columns)
    return padded[torch.arange(count)[:, None, None], rows[:, :, None], columns[:, None, :]]


def labels_of(data: DataSet) -> Tensor:
    assert data.labels is not None
    return torch.tensor(data.labels)


@torch.no_grad()
def accuracy(network: Compact, data: DataSet) -> float:
    network.eval()
    labels = labels_of(data)
    batches = torch.tensor(data.images).split(500)
    classes = torch.cat([network(scaled(batch))[1].argmax(1) for batch in batches])
    return (classes == labels).double().mean().item()


def trained(recipe: Recipe, train: DataSet, test: DataSet) -> Compact:
    torch.manual_seed(recipe.seed)
    generator = torch.Generator().manual_seed(recipe.seed)
    margin = ((0, 0), (recipe.shift,) * 2, (recipe.shift,) * 2, (0, 0))
    padded = torch.from_numpy(np.pad(train.images, margin, mode="reflect"))
    labels = labels_of(train)
    network = Compact(recipe.width, CLASSES)
    network = network.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    optimizer = torch.optim.SGD(
        network.parameters(),
        recipe.peak_learning_rate,
        momentum=recipe.momentum,
        nesterov=True,
        weight_decay=recipe.weight_decay,
    )
    updates_per_epoch = len(labels) // recipe.batch_size
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer,
        recipe.peak_learning_rate,
        total_steps=recipe.epochs * updates_per_epoch,
        pct_start=recipe.warm_up,
        anneal_strategy="linear",
        cycle_momentum=False,
        final_div_factor=1000,
    )
    objective = nn.CrossEntropyLoss(label_smoothing=recipe.label_smoothing)
    started = time.perf_counter()
    for epoch in range(recipe.epochs):
        network.train()
        order = torch.randperm(len(labels), generator=generator)
        losses = []
        for batch in order[: updates_per_epoch * recipe.batch_size].split(recipe.batch_size):
            images = scaled(augmented(padded[batch], recipe, generator))
            # bfloat16 doubles the images per second on processors with AVX-512 bf16.
            with torch.autocast("cpu", torch.bfloat16):
                _, logits = network(images)
            loss = objective(logits.float(), labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            losses.append(loss.detach())
        with torch.autocast("cpu", torch.bfloat16):
            share = accuracy(network, test)
        print(
            f"epoch {epoch + 1}/{recipe.epochs}  loss {torch.stack(losses).mean():.4f}  "
            f"test accuracy {share:.4f}  "
            f"{time.perf_counter() - started:.0f} s",
            flush=True,
        )
    return network


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=RECIPES)
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--out", type=Path, default=Path("src/ttur/features/weights"))
    arguments = parser.parse_args()
    recipe = RECIPES[arguments.name]
    train, test = (load(arguments.name, arguments.data, split) for split in ("train", "test"))
    network = trained(recipe, train, test)
    stored = {
        name: (tensor.half() if tensor.is_floating_point() else tensor).contiguous()
        for name, tensor in network.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
    network.load_state_dict(stored, strict=False)  # measured is what is shipped: rounded weights
    made = {
        "test_accuracy": accuracy(network, test),
        "test_images": len(test.images),
        "train_images_sha256": train.sha256,
        "test_images_sha256": test.sha256,
        "recipe": asdict(recipe),
        "scaling": "(x - 128) / 128",
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
    }
    arguments.out.mkdir(parents=True, exist_ok=True)
    path = arguments.out / f"{arguments.name}.safetensors"
    # One entry: safetensors writes several in random order, and the file would have no one digest.
    save_file(stored, path, {"made": json.dumps(made)})
    print(path, hashlib.sha256(path.read_bytes()).hexdigest(), json.dumps(made, indent=1))


if __name__ == "__main__":
    main()
