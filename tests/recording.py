"""What a game does, written down as it plays: for comparisons with a transcription."""

from torch import nn

from reference.adam import Tensors, Update
from ttur.timescales.orders import Phase
from ttur.training.game import TwoPlayerGame


def parameters(network: nn.Module) -> Tensors:
    return {name: p.detach().clone() for name, p in network.named_parameters()}


def record_updates(game: TwoPlayerGame) -> list[Update]:
    """A list that the game's updates are added to as it plays."""
    updates: list[Update] = []

    def record(player: str, network: nn.Module, phase: Phase) -> None:
        after = parameters(network)
        gradients = dict(zip(after, phase.gradients, strict=True))
        updates.append(Update(player, phase.loss.item(), gradients, after))

    move_discriminator, move_generator = game.move_discriminator, game.move_generator

    def discriminator(phase: Phase) -> None:
        move_discriminator(phase)
        record("discriminator", game.discriminator, phase)

    def generator(phase: Phase) -> None:
        move_generator(phase)
        record("generator", game.generator, phase)

    game.move_discriminator, game.move_generator = discriminator, generator
    return updates


def largest_difference(ours: Tensors, theirs: Tensors) -> float:
    assert ours.keys() == theirs.keys()
    return max((ours[name] - theirs[name]).abs().max().item() for name in ours)
