"""NETWORKS. Tensors in, tensors out; beside each model stands the description that builds it."""

from typing import Annotated

from ttur.models.began import BEGAN as BEGAN
from ttur.models.dcgan import DCGAN as DCGAN
from ttur.models.description import ModelDescription as ModelDescription
from ttur.models.wgan_gp_image import WGANGPImage as WGANGPImage
from ttur.models.wgan_gp_language import WGANGPLanguage as WGANGPLanguage
from ttur.runtime.description import ONE_OF

Model = Annotated[DCGAN | WGANGPImage | WGANGPLanguage | BEGAN, ONE_OF]
