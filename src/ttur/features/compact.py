"""A small residual network: the body of both embedded feature extractors."""

from collections import OrderedDict

from jaxtyping import Float
from torch import Tensor, nn


class ConvolutionBlock(nn.Sequential):
    """3x3 convolution, batch norm, ReLU; stride 2 halves the side."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__(
            OrderedDict(
                convolution=nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False),
                norm=nn.BatchNorm2d(outputs),
                activation=nn.ReLU(),
            )
        )


class ResidualBlock(nn.Module):
    """x + f(x) with f two convolutions; the sum of ReLUs keeps features non-negative."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.branch = nn.Sequential(
            ConvolutionBlock(channels, channels), ConvolutionBlock(channels, channels)
        )

    def forward(
        self, x: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch channels height width"]:
        return x + self.branch(x)


class Compact(nn.Module):
    """Scaled images, about [-1, 1] -> (features after global pooling, class logits).

    Eight convolutions at four resolutions, `4 * width` features. Any side of at least 8 works; the
    embedded weights were trained at 16 (digits) and 32 (cifar10). In evaluation mode an image's
    features do not depend on the images beside it.
    """

    def __init__(self, width: int, classes: int = 10) -> None:
        super().__init__()
        self.dimension = 4 * width
        self.body = nn.Sequential(  # side of the output for a 32-pixel image
            ConvolutionBlock(3, width),  # 32
            ConvolutionBlock(width, 2 * width, stride=2),  # 16
            ConvolutionBlock(2 * width, 4 * width, stride=2),  # 8
            ResidualBlock(4 * width),
            ConvolutionBlock(4 * width, 4 * width, stride=2),  # 4
            ResidualBlock(4 * width),
        )
        self.head = nn.Linear(self.dimension, classes)

    def forward(
        self, images: Float[Tensor, "batch 3 height width"]
    ) -> tuple[Float[Tensor, "batch features"], Float[Tensor, "batch classes"]]:
        features = self.body(images).mean(dim=(2, 3))
        return features, self.head(features)
