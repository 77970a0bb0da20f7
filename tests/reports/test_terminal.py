from ttur.reports.terminal import TerminalProgress
from ttur.training.contracts import Progress, Score


def test_a_log_line_says_speed_losses_scores_and_time_left(capsys):
    terminal = TerminalProgress()
    terminal.start("orig_5e-4 seed 0")
    losses = {"discriminator_loss": 1.25, "generator_loss": None}
    with terminal:
        terminal.update(
            Progress(
                500, 2000, 12.5, losses, Score("fd_digits", 9.5, 400), Score("fd_digits", 8.0, 300)
            )
        )
    line = " ".join(capsys.readouterr().err.split())
    for part in ("500/2,000", "12.5 updates/s", "2:00 left", "D 1.250", "fd_digits 9.5", "8 @ 300"):
        assert part in line
