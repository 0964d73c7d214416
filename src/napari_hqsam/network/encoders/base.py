"""Interface of the image encoders, and layers that several of them share.

Tensors in, tensors out.
"""

from __future__ import annotations

import abc

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval


class ImageEncoder(nn.Module, abc.ABC):
    """Interface of an image encoder.

    A base class and not a `typing.Protocol`, since type checkers have no type for
    "a torch module that also implements a protocol".

    Attributes
    ----------
    early_dim : int
        Channels of the early feature.
    """

    stride = 16
    early_dim: int

    @abc.abstractmethod
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Encode normalised images.

        Parameters
        ----------
        x : Tensor
            (B, 3, S, S), normalised with SAM's mean and deviation; 64 divides S.

        Returns
        -------
        features, early : Tensor
            (B, 256, S/16, S/16), and the early feature that HQ fuses,
            (B, S/16, S/16, `early_dim`).
        """

    @abc.abstractmethod
    def optimize(self, dtype: torch.dtype) -> None:
        """Optimise in place for inference, irreversibly, and cast to `dtype`."""


class SamePadConv2d(nn.Conv2d):
    """Convolution with TensorFlow's "same" padding, which depends on the input size.

    At stride 2 the padding is asymmetric where the input's side is even: one pixel
    less before than after. At stride 1 it is the usual symmetric padding.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C_in, H, W) to (B, C_out, ceil(H / stride), ceil(W / stride))."""
        if torch.is_grad_enabled() and x.device.type == "cpu" and self.groups > 1:
            # torch's backward of a strided or 5 x 5 depthwise convolution takes 5 to
            # 10 times longer in bfloat16 than in float32 (torch 2.13, AMX)
            with torch.autocast("cpu", enabled=False):
                return self._convolve(x.float())
        return self._convolve(x)

    def _convolve(self, x: Tensor) -> Tensor:
        pads: list[int] = []
        for n, k, s in zip(x.shape[:1:-1], self.kernel_size, self.stride, strict=True):
            total = max((-(-n // s) - 1) * s + k - n, 0)
            pads += [total // 2, total - total // 2]
        if pads[::2] == pads[1::2]:
            padding = (pads[2], pads[0])
            return F.conv2d(
                x, self.weight, self.bias, self.stride, padding, groups=self.groups
            )
        x = F.pad(x, pads)
        return F.conv2d(x, self.weight, self.bias, self.stride, groups=self.groups)


class ConvBN(nn.Module):
    """Convolution without bias, then batch norm; one convolution once fused.

    Parameters
    ----------
    c_in, c_out : int
        Channels.
    k, stride, groups : int
        Side of the kernel, stride, groups.
    same : bool
        Pad as TensorFlow does (`SamePadConv2d`), not by k // 2 on all sides.
    eps : float
        Epsilon of the batch norm.
    """

    def __init__(
        self,
        c_in: int,
        c_out: int,
        k: int = 1,
        stride: int = 1,
        groups: int = 1,
        *,
        same: bool = False,
        eps: float = 1e-5,
    ) -> None:
        super().__init__()
        conv = SamePadConv2d if same else nn.Conv2d
        self.c = conv(c_in, c_out, k, stride, k // 2, groups=groups, bias=False)
        self.bn = nn.BatchNorm2d(c_out, eps)
        self.fused = False

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C_in, H, W) to (B, C_out, H/stride, W/stride)."""
        return self.c(x) if self.fused else self.bn(self.c(x))  # type: ignore[no-any-return]

    def fuse(self) -> None:
        """Fold the batch norm into the convolution. Inference only."""
        if not self.fused:
            self.c = fuse_conv_bn_eval(self.c.eval(), self.bn.eval())
            self.bn = nn.Identity()  # type: ignore[assignment]
            self.fused = True


def fuse_batch_norms(encoder: nn.Module) -> None:
    """Fuse every `ConvBN` of a module. Inference only."""
    for module in list(encoder.modules()):
        if isinstance(module, ConvBN):
            module.fuse()
